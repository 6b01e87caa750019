"""A file that was named, or found in a folder, as the image in it."""

from typing import NamedTuple

from digits_client.errors import InvalidImageError

from .items import EmptyFileError, Item, NotAnImageError, TooLargeError
from .kinds import has_image_name, has_signature, unread_kind


class ImageFile(NamedTuple):
    """A file that may be an image.

    One that a person has named fails if it is not.
    """

    file: Item
    """The file as it is stored."""
    may_be_skipped: bool = False
    """Whether it was found in a folder, in an archive or by a glob, where other files may lie."""

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.file.path

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``.

        Raises:
            NotAnImageError: The file may be skipped, and is not an image.
        """
        kind = unread_kind(self.path)
        if kind is not None:
            return self._read_unread(kind, limit_bytes)
        if not self.may_be_skipped:
            return self.file.read(limit_bytes)
        try:
            content = self.file.read(limit_bytes)
        except (EmptyFileError, TooLargeError):
            if has_image_name(self.path):
                raise
            raise NotAnImageError from None
        if has_signature(content) or has_image_name(self.path):
            return content
        raise NotAnImageError

    def _read_unread(self, kind: str, limit_bytes: int) -> bytes:
        if kind == "HEIC":
            from .heic import MAX_FILE_BYTES, is_available, to_png  # few runs have such images

            if is_available():
                return to_png(self.file.read(MAX_FILE_BYTES), limit_bytes)
        if self.may_be_skipped:
            raise NotAnImageError(kind)
        if kind == "HEIC":
            raise InvalidImageError("is a HEIC image, which needs pip install 'digits[heic]'")
        if kind == "PDF":
            raise InvalidImageError("is a PDF, whose pages are read with --pages")
        return self.file.read(limit_bytes)  # the server says which formats it reads
