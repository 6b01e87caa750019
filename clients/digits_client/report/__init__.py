"""What the HTML reports of the commands share: page, style, charts and filters.

A report is one file that loads nothing from elsewhere, and works from a folder or an archive.
"""
