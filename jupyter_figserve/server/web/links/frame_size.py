"""Script that has HTML in our sandboxed frames tell the page how high it is. Server process.

The page (``frames.js``) then gives the frame this height, so that a chart of a fixed size leaves no empty space below
it. What fills its window, or follows its height, has no height of its own.
"""

from __future__ import annotations

REPORT_SIZE = b"""
<script>
(function () {
  if (parent === window) return;
  var first = innerHeight, sent = 0, excess = 0, shrunk = 0, isOver = false;
  function bottom(parent) {
    return Math.ceil(Math.max.apply(null, [0].concat([].map.call(parent.children, function (one) {
      // A root of Bokeh has no box of its own.
      if (getComputedStyle(one).display === "contents") return bottom(one);
      var box = one.getBoundingClientRect();
      return box.height ? box.bottom + scrollY : 0;
    }))));
  }
  function report() {
    var root = document.documentElement, scroll = root.scrollHeight;
    var own = Math.ceil(root.getBoundingClientRect().height);
    var fills = document.compatMode === "BackCompat" || Math.abs(own - innerHeight) < 2;
    var height = scroll > innerHeight ? scroll : fills ? bottom(document.body) : own;
    if (height && root.scrollWidth > innerWidth) height += 16;
    if (isOver || height < 40 || Math.abs(height - sent) < 2 || Math.abs(height - innerHeight) < 2) return;
    var share = height / innerHeight;
    // Content that follows the height of its window would grow or shrink for ever.
    isOver = share > 1 ? height - innerHeight === excess : Math.abs(share - shrunk) < 0.03;
    if (isOver) height = first;
    if (share > 1) excess = height - innerHeight; else shrunk = share;
    send(height);
  }
  function send(height) {
    sent = height;
    parent.postMessage({ figserveHeight: height }, "*");
  }
  // A page that asks has missed what was sent: the window has not followed it, so nothing is to be learned from that.
  addEventListener("message", function (event) {
    if (event.source === parent && event.data === "figserve.size") sent ? send(sent) : report();
  });
  if (window.ResizeObserver) new ResizeObserver(report).observe(document.body || document.documentElement);
  addEventListener("load", function () { report(); setTimeout(report, 500); });
})();
</script>
"""
