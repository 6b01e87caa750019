"""The command ``digits-bench``: a load, and what became of it.

``options`` is what can be said, ``images`` and ``requests`` what is sent. ``processes`` starts the
processes of the generator; in each, ``worker`` makes its share of the load: ``load`` or
``streams``, by ``schedule`` where there is a rate, with ``calls`` to the server. ``recording``
counts, with a ``histogram``; ``repeats`` says when it is enough. ``result`` is what it comes to:
``tables``, ``document``, ``plot`` and ``compare`` show it.
"""
