"""Files to the hub in one call, without a clone; `HubApi` does the work."""

from csgrepo.upload.calls import upload_file, upload_folder

__all__ = ["upload_file", "upload_folder"]
