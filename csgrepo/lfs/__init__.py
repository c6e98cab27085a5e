"""Git LFS, spoken natively: no git-lfs is needed, and any git-lfs can take over.

``pointer`` (the text that stands in git for a large file), ``attributes`` (which files are large),
``store`` (content by digest under ``.git/lfs``), ``endpoint``, ``batch`` and ``reply`` (where
objects go, how the server is asked and what it says), ``parts`` and ``multipart`` (one object in
parts), ``transfer`` (moving bytes), ``checkout`` (pointers into files), ``filter_process``,
``hooks`` and ``agent`` (what plain git and git-lfs call in a clone).
"""
