"""The command ``digits-batch``: recognize image files, and write a row for each.

``cli`` handles signals and imports the rest, ``command`` is the course of a run.
``options`` is the command line and ``inputs`` the images that it names. ``run`` sends them
through ``digits_client.bulk.pipeline`` and processes each result: ``output`` writes rows in one
of the ``formats``, ``resume`` continues an interrupted file, ``evaluation`` compares with
``labels``, ``sorting`` puts the images into folders, and ``report_data`` collects what
``html_report`` shows.
"""
