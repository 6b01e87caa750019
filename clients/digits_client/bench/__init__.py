"""The command ``digits-bench``: put a server under load, and measure how it responds.

``run.run_load`` puts a ``workload`` on a server and returns a ``result``; scripts and benchmarks
use it as the command does. ``processes`` starts the generator's processes. In each of them,
``worker`` produces its part of the load: ``load`` makes calls, ``streams`` draws, ``schedule`` is
when either is due, and ``recording`` counts the outcomes. ``convergence`` decides when to stop.

``image_kinds`` and ``requests`` hold what is sent. ``cli`` and ``options`` are the command line;
``tables``, ``result_file``, ``plot`` and ``compare`` present a result.
"""
