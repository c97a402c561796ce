"""Opening the page: a server on this machine that reaches out to nobody."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eoras.app.limits import Limits
from eoras.app.store import Store
from eoras.errors import ConfigError
from eoras.prediction.predictor import AmodalPredictor
from eoras.prediction.tracker import Tracker
from eoras.signals import ending_signals

__all__ = ["open_socket", "serve"]

_SWEEP = 20.0  # seconds between looks for files that are too old, at most
_QUEUE = 20  # events that may wait


def open_socket(host: str, port: int) -> socket.socket:
    """Take a port to listen on.

    Args:
        host: name or address of this machine, as those who may come call it.
        port: 0 for any that is free.

    Raises:
        ConfigError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"{host}, port {port}: cannot listen there ({error.strerror}); choose another --port"
        ) from None


def serve(
    predictor: AmodalPredictor,
    listener: socket.socket,
    host: str,
    limits: Limits,
    say: Callable[[str], None],
    tracker: Tracker | None = None,
) -> None:
    """Serve the page until the process is told to end, or its terminal is closed; nothing of it is left on the disk.

    Args:
        predictor: the network.
        listener: where to listen.
        host: name or address of this machine, as those who may come call it.
        limits: how much is taken.
        say: is told where the page is.
        tracker: follows objects that are clicked on.

    Raises:
        PackageError: Gradio is not installed.
        KeyboardInterrupt: when it is interrupted.
    """
    store = Store(limits.minutes * 60, limits.all_bytes)
    try:
        _prepare_gradio(store)
        from eoras.app.job import Desk
        from eoras.app.page import STYLE, build_page, make_examples

        desk = Desk(predictor, store, limits, tracker)
        page = build_page(desk, make_examples(store)).queue(max_size=_QUEUE)
        import gradio as gr
        import uvicorn
        from fastapi import FastAPI
        from gradio.themes import Default

        from eoras.app.gate import Gate

        mounted = gr.mount_gradio_app(
            FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
            page,
            path="/",
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=limits.bytes,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            pwa=False,
            theme=Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=STYLE,
        )
        gate = Gate(mounted, store, limits, host)
        config = uvicorn.Config(gate, log_level="error", access_log=False, timeout_graceful_shutdown=1, ws="none")
        address, port = listener.getsockname()[:2]
        say(f"the page is at http://{f'[{address}]' if ':' in address else address}:{port} (Ctrl-C ends it)")
        with _sweeping(store), _ending_well(desk.close):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        store.close()


def _prepare_gradio(store: Store) -> None:
    """Gradio reads these when it is imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(store.folder)
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@contextmanager
def _sweeping(store: Store) -> Iterator[None]:
    """Remove old files as long as the block runs."""
    done = threading.Event()

    def sweep() -> None:
        while not done.wait(min(_SWEEP, store.max_age / 2)):
            store.sweep()

    thread = threading.Thread(target=sweep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _ending_well(close: Callable[[], None]) -> Iterator[None]:
    """Let the end of the process, however it is asked for, stop the work and unwind what has been begun."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a closed terminal sends SIGHUP, and so does its shell
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in ending_signals()}
    try:
        yield
    finally:
        close()
        for number, handler in before.items():
            signal.signal(number, handler)
