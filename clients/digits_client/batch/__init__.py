"""The command ``digits-batch``: from files and folders to rows of answers.

In the order of the data: ``inputs`` lists the files, ``pipeline`` asks the server,
``rows`` writes the answers.
"""
