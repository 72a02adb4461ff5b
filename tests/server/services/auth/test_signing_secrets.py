"""The signing secrets: from the environment, else from the data directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from jupyter_figserve.model.environment_variables import SIGNING_VARIABLE
from jupyter_figserve.server.services.auth.signing_secrets import derive_cookie_secret, read_secrets


class TestSecrets:
    def test_made_once_for_the_owner_alone(self, tmp_path):
        """Two processes on one directory use the same key, which only their user can read."""
        assert read_secrets(tmp_path, {}) == read_secrets(tmp_path, {})
        assert (tmp_path / "signing.keys").stat().st_mode & 0o777 == 0o600
        assert len(read_secrets(tmp_path, {})[0]) == 64

    def test_a_line_each(self, tmp_path):
        """The file has one key a line, newest first."""
        (tmp_path / "signing.keys").write_text("new\nold\n")
        assert read_secrets(tmp_path, {}) == ["new", "old"]

    def test_directory_that_cannot_be_written(self, tmp_path):
        """A directory that is not writable gives a new key each time."""
        missing = tmp_path / "none"
        assert read_secrets(missing, {}) != read_secrets(missing, {})

    def test_empty_file_is_filled(self, tmp_path):
        """A kill or a full disk may leave an empty file; the next start writes the secret that all later ones read."""
        (tmp_path / "signing.keys").touch(0o600)
        made = read_secrets(tmp_path, {})
        assert len(made[0]) == 64
        assert read_secrets(tmp_path, {}) == made

    def test_processes_that_start_together_agree(self, tmp_path):
        """None returns a secret that another overwrites."""
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: read_secrets(tmp_path, {}), range(16)))
        assert found == [found[0]] * 16

    def test_environment_comes_first(self, tmp_path):
        """Separated by commas, newest first; then no file is read or made."""
        assert read_secrets(tmp_path, {SIGNING_VARIABLE: "new, old,"}) == ["new", "old"]
        assert list(tmp_path.iterdir()) == []

    def test_blank_variable_is_none(self, tmp_path):
        """As a compose file leaves one."""
        assert read_secrets(tmp_path, {SIGNING_VARIABLE: " , "}) == read_secrets(tmp_path, {})

    def test_cookies_of_servers_with_one_secret(self):
        """Logins are signed with a secret derived from the newest one; without one in common there is none."""
        one = derive_cookie_secret({SIGNING_VARIABLE: "a" * 32})
        assert one == derive_cookie_secret({SIGNING_VARIABLE: "a" * 32 + "," + "b" * 32})
        assert one != derive_cookie_secret({SIGNING_VARIABLE: "b" * 32})
        assert b"a" * 32 not in (one or b"")
        assert derive_cookie_secret({}) is None
