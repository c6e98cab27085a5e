"""Files from the hub: every byte checked, interrupted ones gone on with, kept by their content."""

from csgrepo.download.addresses import file_url, http_get
from csgrepo.download.single import file_download
from csgrepo.download.snapshot import Plan, snapshot_download

__all__ = ["Plan", "file_download", "file_url", "http_get", "snapshot_download"]
