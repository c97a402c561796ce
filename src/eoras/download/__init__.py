"""Published data and checkpoints: where they are, a transfer that can be broken off, and unpacking."""

from eoras.download.addresses import PUBLISHED, Name, Published
from eoras.download.arrange import arrange_kitti
from eoras.download.extract import extract
from eoras.download.transfer import transfer

__all__ = ["PUBLISHED", "Name", "Published", "arrange_kitti", "extract", "transfer"]
