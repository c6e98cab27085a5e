"""What was downloaded, kept by commit and content.

::

    <cache>/<host>/<models|datasets|…>/<namespace>/<name>/
        blobs/<id>                   content, under git's own id of it; shared by all revisions
        parts/<id>.part, .blocks     content under way
        snapshots/<commit>/<path>    links to blobs, copies where links do not work
        trees/<commit>.json          which files a commit has, of which content
        refs/<revision>              the commit that a branch or a tag was, when last asked

Nothing appears under its final name before its bytes were checked, so readers need no lock.
"""

from csgrepo.cache.folder import RepoFolder
from csgrepo.cache.inventory import CachedRepo, CachedRevision, inventory, prune
from csgrepo.cache.tree import Tree, TreeFile, is_commit

__all__ = [
    "CachedRepo",
    "CachedRevision",
    "RepoFolder",
    "Tree",
    "TreeFile",
    "inventory",
    "is_commit",
    "prune",
]
