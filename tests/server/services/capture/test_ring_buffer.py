"""The ring buffer of captured images: identity, names, and eviction."""

from __future__ import annotations

import os
import stat

import pytest

from jupyter_figserve.model.figures import EncodedImage, sha256_hex
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.model.quotas import Quota
from jupyter_figserve.server.services.capture.captured_display import CapturedDisplay
from jupyter_figserve.server.services.capture.plot_namer import PlotNamer
from jupyter_figserve.server.services.capture.ring_buffer import CaptureBuffer

PNG, SVG = FORMATS["png"], FORMATS["svg"]


class Kernel:
    """Captures images as a kernel displays them, cell by cell."""

    def __init__(self, ring: CaptureBuffer) -> None:
        self.ring = ring
        self.session = "first"
        self.count = 0
        self.messages = 0
        self.now = 0.0

    def begin(self) -> str:
        self.count += 1
        self.messages += 1
        request = f"request {self.messages}"
        self.ring.namer.begin_cell(request, self.count, self.session)
        return request

    def show(self, request: str, data: bytes = b"x", display_id: str | None = None, row=PNG) -> str:
        self.now += 1
        key = self.ring.namer.next_key(request, display_id)
        return self.ring.add(key, request, CapturedDisplay(row, data), self.now).path

    def restart(self) -> None:
        self.session += " again"
        self.count = 0


@pytest.fixture
def ring(tmp_path):
    return CaptureBuffer(tmp_path, Quota(5, 1_000))


@pytest.fixture
def kernel(ring) -> Kernel:
    return Kernel(ring)


def paths(ring: CaptureBuffer) -> list[str]:
    return [one.path for one in ring]


class TestNames:
    def test_a_cells_images_are_numbered(self, kernel):
        """The first one has only the cell's number."""
        request = kernel.begin()
        assert [kernel.show(request) for _ in range(3)] == ["cell-1.png", "cell-1-2.png", "cell-1-3.png"]

    def test_running_a_cell_again_makes_other_images(self, kernel):
        """The execution count differs, so the names do, and both images stay."""
        for _ in range(2):
            kernel.show(kernel.begin())
        assert paths(kernel.ring) == ["cell-2.png", "cell-1.png"]

    def test_a_restart_takes_no_names_again(self, kernel):
        """Numbers begin at 1 again, with the number of the run."""
        for _ in range(3):
            kernel.show(kernel.begin())
            kernel.show(kernel.begin())
            kernel.restart()
        assert paths(kernel.ring)[:5] == [
            "run-3-cell-2.png", "run-3-cell-1.png", "run-2-cell-2.png", "run-2-cell-1.png", "cell-2.png",
        ]  # fmt: skip

    def test_a_restart_after_one_cell_is_told_by_the_kernels_own_session(self, kernel):
        """The kernel's session id shows a restart although the number is the same."""
        kernel.show(kernel.begin())
        kernel.restart()
        assert kernel.show(kernel.begin()) == "run-2-cell-1.png"

    def test_kernels_that_repeat_their_clients_session_do_not_restart_all_the_time(self, kernel):
        """Alternating clients are one run while the numbers grow."""
        for session in "abab":
            kernel.session = session
            assert kernel.show(kernel.begin()).startswith("cell-")

    def test_a_cell_run_without_history_keeps_names_apart(self, kernel):
        """It has the number of the next cell, and another name."""
        first = kernel.begin()
        kernel.count -= 1
        second = kernel.begin()
        assert [kernel.show(first), kernel.show(second), kernel.show(first)] == [
            "cell-1.png", "cell-1-2.png", "cell-1-3.png",
        ]  # fmt: skip

    def test_display_outside_a_cell_is_named_plot(self, kernel):
        """Images of a widget's callback, a thread, or an unseen request."""
        assert [kernel.show("widget 1"), kernel.show("widget 2"), kernel.show("")] == [
            "plot.png", "plot-2.png", "plot-3.png",
        ]  # fmt: skip

    def test_a_name_is_never_given_twice(self, kernel):
        """Not even after its image was evicted."""
        seen = [kernel.show("widget") for _ in range(30)]
        seen += [kernel.show(kernel.begin()) for _ in range(30)]
        assert len(set(seen)) == 60

    def test_memory_of_names_is_bounded(self):
        """It does not grow with the kernel's uptime."""
        namer = PlotNamer()
        for number in range(5_000):
            namer.begin_cell(f"request {number}", number, "s")
            namer.make_stem(f"request {number}")
            namer.make_stem(f"widget {number}")
        assert len(namer._executions) <= 256
        assert len(namer._cell_stems) <= 1_024
        assert namer.make_stem("another") == "plot-5001"


class TestPictures:
    def test_a_display_id_is_one_image(self, kernel):
        """Updates from any cell keep the name and count as versions."""
        first = kernel.begin()
        kernel.show(first, b"1", "a")
        kernel.show(first, b"other")
        assert kernel.show(kernel.begin(), b"22", "a") == "cell-1.png"
        one = kernel.ring.find("cell-1.png")
        assert (one.version, one.size, kernel.ring.read(one)) == (2, 2, b"22")
        assert next(iter(kernel.ring)) is one
        assert len(kernel.ring) == 2

    def test_the_suffix_follows_the_type(self, kernel):
        """An update may turn a PNG into an SVG."""
        request = kernel.begin()
        kernel.show(request, display_id="a")
        assert kernel.show(request, display_id="a", row=SVG) == "cell-1.svg"
        assert paths(kernel.ring) == ["cell-1.svg"]

    def test_clear_output_shows_in_the_same_place(self, kernel):
        """An animation of clear and show is one image."""
        request = kernel.begin()
        for number in range(10):
            kernel.ring.namer.clear_output(request)
            kernel.show(request, b"%d" % number)
        assert paths(kernel.ring) == ["cell-1.png"]
        assert kernel.ring.read(next(iter(kernel.ring))) == b"9"

    def test_digest_is_of_the_newest_bytes(self, kernel):
        """It is computed once for each image."""
        for data in (b"1", b"2"):
            one = kernel.ring.find(kernel.show("r", data, "a"))
            assert kernel.ring.find_digest(one) == sha256_hex(data)
        kernel.ring.flush()
        assert kernel.ring.find_digest(one) == sha256_hex(b"2")


class TestRoom:
    def test_older_ones_make_room_by_count(self, kernel):
        """The newest five stay."""
        for _ in range(8):
            kernel.show(kernel.begin())
        assert paths(kernel.ring) == [f"cell-{n}.png" for n in (8, 7, 6, 5, 4)]
        assert kernel.ring.bytes == 5

    def test_older_ones_make_room_by_bytes(self, kernel):
        """Growing updates count, too."""
        for _ in range(3):
            kernel.show(kernel.begin(), b"x" * 300)
        kernel.show("", b"x" * 300, "a")
        assert paths(kernel.ring) == ["plot.png", "cell-3.png", "cell-2.png"]
        kernel.show("", b"x" * 600, "a")
        assert (paths(kernel.ring), kernel.ring.bytes) == (["plot.png", "cell-3.png"], 900)

    def test_the_newest_stays_however_large(self, kernel):
        """The newest image is kept even beyond the limit."""
        kernel.show(kernel.begin())
        kernel.show(kernel.begin(), b"x" * 5_000)
        assert paths(kernel.ring) == ["cell-2.png"]

    def test_without_limit(self, tmp_path):
        """Without a limit nothing is evicted."""
        kernel = Kernel(CaptureBuffer(tmp_path, Quota()))
        for _ in range(300):
            kernel.show(kernel.begin())
        assert len(kernel.ring) == 300

    def test_files_are_deleted_with_their_images(self, kernel, tmp_path):
        """Files of replaced and evicted images are deleted, and all files at the end."""
        for _ in range(8):
            kernel.show(kernel.begin())
            kernel.ring.flush()
        kernel.show("", b"y", "a")
        kernel.ring.flush()
        kernel.show("", b"z", "a")
        kernel.ring.flush()
        assert len(list(tmp_path.iterdir())) == len(kernel.ring) == 5
        kernel.ring.clear()
        assert (list(tmp_path.iterdir()), len(kernel.ring), kernel.ring.bytes) == ([], 0, 0)


class TestDisk:
    def test_flush_writes_and_returns_new_images(self, kernel, tmp_path):
        """Once; files are private, and their names do not come from the kernel."""
        kernel.show(kernel.begin(), b"1")
        kernel.show("", b"2", "../../evil")
        assert [one.path for one in kernel.ring.flush()] == ["cell-1.png", "plot.png"]
        assert kernel.ring.flush() == []
        assert all(one.content.data is None for one in kernel.ring)
        assert sorted(file.name for file in tmp_path.iterdir()) == ["1", "2"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
        assert [kernel.ring.read(one) for one in kernel.ring] == [b"2", b"1"]

    def test_other_images_of_a_figure_are_kept_with_it(self, kernel, tmp_path):
        """By their own names; an update replaces them, and they go with the figure."""
        request = kernel.begin()
        svg = EncodedImage("image/svg+xml", b"<svg/>")
        one = kernel.ring.add(("id", "a", 1), request, CapturedDisplay(PNG, b"1", others=(svg,)), 1.0)
        kernel.ring.flush()
        assert kernel.ring.find("cell-1.svg") is one
        assert (kernel.ring.bytes, one.others[0].data, one.others[0].read()) == (7, None, b"<svg/>")
        kernel.ring.add(("id", "a", 1), request, CapturedDisplay(PNG, b"2"), 2.0)
        kernel.ring.flush()
        assert (kernel.ring.find("cell-1.svg"), kernel.ring.bytes, len(list(tmp_path.iterdir()))) == (None, 1, 1)

    def test_frames_between_two_flushes_are_written_once(self, kernel, tmp_path):
        """Only the newest frame of an animation is written."""
        for number in range(30):
            kernel.show("", b"%d" % number, "a")
        (news,) = kernel.ring.flush()
        assert (news.version, len(list(tmp_path.iterdir()))) == (30, 1)
        assert kernel.ring._files_written == 1

    def test_a_reader_of_the_old_file_is_not_disturbed(self, kernel):
        """New bytes go to another file."""
        one = kernel.ring.find(kernel.show("", b"old", "a"))
        kernel.ring.flush()
        with one.content.file.open("rb") as file:
            kernel.show("", b"new", "a")
            kernel.ring.flush()
            assert file.read() == b"old"

    def test_a_full_disk_gives_up_what_cannot_be_written(self, kernel, monkeypatch):
        """The error is returned; stored images stay, and the others do not fill the memory."""
        kernel.show(kernel.begin(), b"kept")
        kernel.ring.flush()
        kernel.show(kernel.begin(), b"lost")

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "open", full)
        with pytest.raises(OSError, match="No space"):
            kernel.ring.flush()
        assert (paths(kernel.ring), kernel.ring.bytes) == (["cell-1.png"], 4)

    def test_bytes_that_went_are_none(self, kernel, tmp_path):
        """A deleted file is not an error."""
        one = kernel.ring.find(kernel.show(kernel.begin()))
        kernel.ring.flush()
        next(tmp_path.iterdir()).unlink()
        assert (kernel.ring.read(one), kernel.ring.find_digest(one)) == (None, None)
