"""Results with chosen counts."""

from digits_client.bench.options import parse
from digits_client.bench.recording import Recording
from digits_client.bench.result import Result
from digits_client.cli.server_options import ServerOptions

SERVER = ServerOptions("10.0.0.7:1")


def recording(
    ok: int = 100,
    latency: float = 0.010,
    lag: float = 0.0,
    never_started: int = 0,
    cpu_seconds: float = 0.5,
    **failed: int,
) -> Recording:
    """Return a repeat of two seconds."""
    made = Recording(2.0, cpu_seconds=cpu_seconds, never_started=never_started)
    made.calls.update({"OK": ok, **failed})
    made.images.update(made.calls)
    made.due = made.ended_calls = made.calls.total()
    made.ok_calls = made.ok_images = ok
    for index in range(ok):
        made.latency.add(latency * (1 + index / ok))
        made.lag.add(lag)
    return made


def result(
    *recordings: Recording,
    arguments: str = "",
    interrupted: bool = False,
    server: ServerOptions = SERVER,
) -> Result:
    options = parse(["--repeats", "2..3", "--processes", "1", *arguments.split()])
    throughputs = [recording.ok_calls / recording.seconds for recording in recordings]
    return Result(server, options.workload, "4", "int8", recordings, throughputs, interrupted)
