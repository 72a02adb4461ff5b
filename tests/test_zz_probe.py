import pytest
@pytest.mark.browser
def test_f(chromium):
    p = chromium.new_page(); p.set_content("<h1>hi</h1>"); assert p.inner_text("h1") == "hi"
async def test_g(jp_fetch, jp_serverapp):
    r = await jp_fetch("figserve","api","status"); assert r.code == 200
@pytest.mark.kernel
def test_h(live_server):
    from .conftest import run_in_kernel
    assert run_in_kernel(live_server, "print(1)", cell_id="x").stdout == "1\n"
