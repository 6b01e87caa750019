"""Configuration of all tests."""

import signal

# A shell that runs the tests in the background makes them ignore SIGINT, which the processes that
# they start would inherit. (``preexec_fn`` is no alternative: it may deadlock next to gRPC.)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
