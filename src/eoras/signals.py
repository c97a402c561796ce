"""How a process is told to end."""

import signal

__all__ = ["ending_signals"]


def ending_signals() -> list[signal.Signals]:
    """SIGTERM, and where there is one SIGHUP, which a terminal sends when it is closed.

    SIGHUP is left out where it is ignored already: ``nohup`` says so that the process is to go on.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]
