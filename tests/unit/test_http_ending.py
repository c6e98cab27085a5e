"""Ending all talk: threads that wait for a silent server fail at once, and only then."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from csgrepo.errors import HubUnreachable
from csgrepo.http import Http
from csgrepo.http.ending import breakable, rest


@pytest.fixture
def silent() -> socket.socket:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_break_off_when_threads_wait_for_a_silent_server_then_they_fail_and_do_not_ask_again(
    silent: socket.socket,
) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    with Http() as http, ThreadPoolExecutor(3) as pool, breakable() as break_off:
        waiting = [pool.submit(http.request, "GET", url) for _ in range(3)]
        heard = [silent.accept()[0] for _ in waiting]
        for one in heard:
            assert one.recv(3) == b"GET"
        break_off()
        for future in waiting:
            with pytest.raises(HubUnreachable):
                future.result(timeout=60)
        with pytest.raises(HubUnreachable):  # nor is there any use in a new one
            http.request("GET", url)
        for one in heard:
            one.close()


def test_rest_when_broken_off_then_short_and_long_again_after_the_block() -> None:
    done = threading.Event()
    with breakable() as break_off:
        thread = threading.Thread(target=lambda: (rest(3600.0), done.set()))
        thread.start()
        assert not done.is_set()
        break_off()
        assert done.wait(60)
        thread.join()
        assert rest(3600.0)
    assert not rest(0.0)
