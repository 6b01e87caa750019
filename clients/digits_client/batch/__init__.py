"""The command ``digits-batch``: from files and folders to rows of answers.

``options`` is what can be said, ``listing`` the images that are meant, ``run`` what is done with
their answers: ``output`` writes rows in one of the ``formats``, ``resume`` goes on where they
end, ``evaluation`` compares them with ``labels``, ``sorting`` puts the images into folders, and
``report`` and ``page`` show them. The answers come from ``digits_client.bulk.pipeline``.
"""
