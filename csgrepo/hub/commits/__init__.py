"""Commits made over HTTP, without a clone.

``operation`` (what is to be done), ``content`` (what is to be sent, read once), ``preupload`` (how
the hub wants each file), ``plan`` (what that comes to), ``keeping`` (what belongs in LFS),
``rules`` (the attributes that decide it), ``objects`` (LFS objects on their way), ``trees`` and
``pack`` (git's objects), ``routes`` with ``git_route`` and ``rest_route`` (how a commit gets to the
hub), ``committer`` (one after the other), ``receipt`` (what came of it), ``folder`` (files of a
local folder).

REST has no call for what a commit needs: its batch call cannot delete, says nothing of the commit
it made, and of two writers at once the later one wins. A push through git's protocol does all of
it in one step, and only if nobody else came first; it needs no clone, as the trees that change can
be read through REST and checked against their ids. Only where a repository keeps its files in Xet,
and the hub refuses pushes, is REST what there is.
"""
