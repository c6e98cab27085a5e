"""Files to the hub in one call, without a clone; `HubApi` does the work."""

from csgrepo.upload.calls import upload_file, upload_folder
from csgrepo.upload.model import push_model
from csgrepo.upload.recurring import RecurringUpload

__all__ = ["RecurringUpload", "push_model", "upload_file", "upload_folder"]
