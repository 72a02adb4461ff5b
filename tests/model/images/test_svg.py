"""SVG documents: encodings, root elements, and document types that are safe to serve."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput, TooLarge
from jupyter_figserve.model.images.svg import check_svg, encode_text, root_element, to_utf8

ILLUSTRATOR = """<?xml version="1.0" encoding="utf-8"?>
<!-- Generator: Adobe Illustrator 16.0.0, SVG Export Plug-In -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
  <!ENTITY ns_svg "http://www.w3.org/2000/svg">
  <!ENTITY ns_xlink 'http://www.w3.org/1999/xlink'>
  <!ATTLIST svg xmlns:a CDATA #FIXED "http://ns.adobe.com/AdobeSVGViewerExtensions/3.0/">
  <!-- a comment > with an angle bracket -->
]>
<svg xmlns="&ns_svg;" xmlns:xlink="&ns_xlink;" width="4" height="3"><text>größe</text></svg>"""


def bomb(levels: int, width: int) -> str:
    entities = "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * width if level else "x" * width}">' for level in range(levels)
    )
    return f"<!DOCTYPE svg [{entities}]><svg>&a{levels - 1};</svg>"


def test_internal_entities_are_taken():
    """Namespaces as Illustrator declares them, with default attributes and comments."""
    check_svg(ILLUSTRATOR.encode())
    assert root_element(ILLUSTRATOR.encode()) == "svg"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
def test_encodings_become_utf8(encoding: str):
    """By byte order mark, by the first bytes or by declaration; the declaration then says UTF-8."""
    text = ILLUSTRATOR.replace('"utf-8"', '"utf-16"' if encoding.startswith("utf-16") else f'"{encoding[:10]}"')
    if encoding == "utf-8-sig":
        text = ILLUSTRATOR
    data = text.encode(encoding)
    assert root_element(data) == "svg"
    converted = to_utf8(data)
    check_svg(converted)
    assert "größe" in converted.decode()
    assert converted[:60].lower().startswith(b'<?xml version="1.0" encoding="utf-8"?>')


def test_utf8_is_unchanged():
    """So that the digest is that of the author's file."""
    assert to_utf8(ILLUSTRATOR.encode()) == ILLUSTRATOR.encode()


def test_text_is_encoded_as_it_says():
    """A declaration copied from a file in another encoding is corrected."""
    assert encode_text('\ufeff <?xml version="1.0" encoding="latin-1"?><svg>ö</svg>').endswith("<svg>ö</svg>".encode())
    assert b"latin-1" not in encode_text('<?xml version="1.0" encoding="latin-1"?><svg/>')
    assert encode_text("<svg>ö</svg>") == "<svg>ö</svg>".encode()


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!ENTITY a PUBLIC "x" "http://evil/">]><svg>&a;</svg>',
        "<!DOCTYPE svg [<!ENTITY % x \"<!ENTITY y 'z'>\"> %x;]><svg/>",
        '<!DOCTYPE svg [<!ENTITY a "%x;">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!NOTATION n SYSTEM "x">]><svg/>',
        '<!DOCTYPE svg [<!ENTITY a "x" NDATA n>]><svg/>',
        '<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!ENTITY a "&a;">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!ATTLIST svg a CDATA "&x;">]><svg/>',
        '<!DOCTYPE svg [<!ENTITY a "b">',
        '<!DOCTYPE svg><!DOCTYPE svg [<!ENTITY a "b">]><svg/>',
        "<!DOCTYPE svg [" + '<!ENTITY a "b">' * 10 + "".join(f'<!ENTITY e{i} "b">' for i in range(300)) + "]><svg/>",
    ],
)
def test_unsafe_document_types_are_rejected(text: str):
    """External and parameter entities, notations, endless entities, and what cannot be read."""
    with pytest.raises(InvalidInput) as caught:
        check_svg(text.encode())
    assert caught.value.code == "svg_entities"


@pytest.mark.parametrize(
    "text",
    [
        bomb(9, 10),
        bomb(2, 9_000).replace("<svg>", "<svg>" + "&a1;" * 2_000),
        bomb(3, 500).replace("&a", "&#38;a").replace("<svg>&#38;", "<svg>&"),
        bomb(3, 500).replace('"&a', '"&#x26;a').replace(";&a", ";&#x026;a"),
        f'<!DOCTYPE svg [<!ATTLIST g a CDATA "{"x" * 30_000}">]><svg>' + "<g/>" * 3_000 + "</svg>",
    ],
)
def test_expansions_are_bounded(text: str):
    """Exponential and quadratic bombs, also with numeric ampersands, and default attributes on many elements."""
    with pytest.raises(TooLarge) as caught:
        check_svg(text.encode())
    assert caught.value.code == "svg_entities"


@pytest.mark.parametrize("data", [b"<svg>\x00</svg>", "\ufeff<svg>\x00</svg>".encode("utf-16")])
def test_nul_is_no_character_of_a_document(data: bytes):
    """XML has none, and programs read the rest in different ways."""
    with pytest.raises(InvalidInput) as caught:
        to_utf8(data)
    assert caught.value.code == "svg_encoding"


@given(st.text(alphabet="<>!?[]%&;\"'-#x aENTITYDOCTYPEsvgATTLIST", max_size=200), st.booleans())
def test_any_text_is_checked_or_rejected(text: str, is_subset: bool):
    """With our errors only."""
    data = (f"<!DOCTYPE svg [{text}]><svg>{text}</svg>" if is_subset else text).encode()
    assert isinstance(root_element(data), str)
    with contextlib.suppress(InvalidInput, TooLarge):
        check_svg(to_utf8(data))


@pytest.mark.parametrize(
    "piece", ["<!--", "<?x", '<!DOCTYPE svg [<!ENTITY a "', '<!DOCTYPE svg PUBLIC "', "<!ATTLIST a '"]
)
def test_open_constructs_are_rejected(piece: str):
    """A megabyte of unclosed declarations is refused; a check that is not linear would not end here."""
    data = (piece * (1_000_000 // len(piece))).encode()
    root_element(data)
    with pytest.raises(InvalidInput):
        check_svg(b"<!DOCTYPE svg [" + data)
