"""`restore`: undo a deletion from a shell."""

from __future__ import annotations

from tests.security.actors import publish, share


def test_deleted_figure_comes_back(shell, live_server):
    """Without a name, the command lists what can be restored; by name or id, it restores it with its link."""
    record = publish(live_server, name="gone")
    link = share(live_server, record)
    live_server.fetch(f"figserve/api/figures/{record['id']}", method="DELETE")
    row = next(line for line in shell.run("restore").lines if record["id"] in line)
    assert "gone" in row
    assert [one["name"] for one in shell.run("restore", "--json").json()["trash"]] == ["gone"]
    assert shell.run("restore", "gone").lines == [f"Restored figure 'gone': {record['url']}"]
    assert live_server.fetch(link["image_url"], anonymous=True).status == 200
    assert "There is nothing to restore." in shell.run("restore").err
    assert "Nothing named 'gone' can be restored" in shell.run("restore", "gone", expect=1).err


def test_several_of_one_name(shell, live_server):
    """Are told apart by their ids."""
    ids = []
    for _ in range(2):
        ids.append(publish(live_server, name="twice")["id"])
        live_server.fetch(f"figserve/api/figures/{ids[-1]}", method="DELETE")
    error = shell.run("restore", "twice", expect=1).err
    assert all(one in error for one in ids)
    assert shell.run("restore", ids[0], "--json").json()["id"] == ids[0]
