from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYOUT_UNSPECIFIED: _ClassVar[Layout]
    LAYOUT_DIGIT: _ClassVar[Layout]
    LAYOUT_NUMBER: _ClassVar[Layout]
    LAYOUT_PAGE: _ClassVar[Layout]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_DIGIT: _ClassVar[Verdict]
    VERDICT_NOT_A_DIGIT: _ClassVar[Verdict]
    VERDICT_BLANK: _ClassVar[Verdict]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_NO_DIGIT: _ClassVar[Reason]
    REASON_TOO_SMALL: _ClassVar[Reason]
    REASON_TOO_FAINT: _ClassVar[Reason]
    REASON_SEVERAL_DIGITS: _ClassVar[Reason]
LAYOUT_UNSPECIFIED: Layout
LAYOUT_DIGIT: Layout
LAYOUT_NUMBER: Layout
LAYOUT_PAGE: Layout
VERDICT_UNSPECIFIED: Verdict
VERDICT_DIGIT: Verdict
VERDICT_NOT_A_DIGIT: Verdict
VERDICT_BLANK: Verdict
REASON_UNSPECIFIED: Reason
REASON_NO_DIGIT: Reason
REASON_TOO_SMALL: Reason
REASON_TOO_FAINT: Reason
REASON_SEVERAL_DIGITS: Reason

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class RawImage(_message.Message):
    __slots__ = ("width", "height", "data")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    data: bytes
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("left", "top", "width", "height")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    left: int
    top: int
    width: int
    height: int
    def __init__(self, left: _Optional[int] = ..., top: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("verdict", "digit", "confidence", "probabilities", "model_version", "frame", "reason", "reading", "unread_pages", "box", "line", "not_a_digit")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    UNREAD_PAGES_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    NOT_A_DIGIT_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    digit: int
    confidence: float
    probabilities: _containers.RepeatedScalarFieldContainer[float]
    model_version: str
    frame: bytes
    reason: Reason
    reading: str
    unread_pages: int
    box: Box
    line: int
    not_a_digit: float
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., digit: _Optional[int] = ..., confidence: _Optional[float] = ..., probabilities: _Optional[_Iterable[float]] = ..., model_version: _Optional[str] = ..., frame: _Optional[bytes] = ..., reason: _Optional[_Union[Reason, str]] = ..., reading: _Optional[str] = ..., unread_pages: _Optional[int] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., line: _Optional[int] = ..., not_a_digit: _Optional[float] = ...) -> None: ...

class Number(_message.Message):
    __slots__ = ("text", "confidence", "box")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    text: str
    confidence: float
    box: Box
    def __init__(self, text: _Optional[str] = ..., confidence: _Optional[float] = ..., box: _Optional[_Union[Box, _Mapping]] = ...) -> None: ...

class RecognizeRequest(_message.Message):
    __slots__ = ("image", "include_frame", "layout")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    image: Image
    include_frame: bool
    layout: Layout
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., include_frame: _Optional[bool] = ..., layout: _Optional[_Union[Layout, str]] = ...) -> None: ...

class RecognizeResponse(_message.Message):
    __slots__ = ("predictions", "numbers")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    numbers: _containers.RepeatedCompositeFieldContainer[Number]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., numbers: _Optional[_Iterable[_Union[Number, _Mapping]]] = ...) -> None: ...

class StreamingRecognizeRequest(_message.Message):
    __slots__ = ("sequence", "image", "include_frame", "layout")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    image: Image
    include_frame: bool
    layout: Layout
    def __init__(self, sequence: _Optional[int] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., include_frame: _Optional[bool] = ..., layout: _Optional[_Union[Layout, str]] = ...) -> None: ...

class StreamingRecognizeResponse(_message.Message):
    __slots__ = ("sequence", "predictions", "error", "superseded", "numbers")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    error: _status_pb2.Status
    superseded: bool
    numbers: _containers.RepeatedCompositeFieldContainer[Number]
    def __init__(self, sequence: _Optional[int] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., superseded: _Optional[bool] = ..., numbers: _Optional[_Iterable[_Union[Number, _Mapping]]] = ...) -> None: ...

class RecognizeBatchRequest(_message.Message):
    __slots__ = ("images", "include_frame", "layout")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    include_frame: bool
    layout: Layout
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., include_frame: _Optional[bool] = ..., layout: _Optional[_Union[Layout, str]] = ...) -> None: ...

class RecognizeBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RecognizeResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RecognizeResult, _Mapping]]] = ...) -> None: ...

class RecognizeResult(_message.Message):
    __slots__ = ("predictions", "error", "numbers")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    error: _status_pb2.Status
    numbers: _containers.RepeatedCompositeFieldContainer[Number]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., numbers: _Optional[_Iterable[_Union[Number, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "limits")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    model: Model
    limits: Limits
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("version", "labels", "mnist_test_accuracy", "frame_recipe", "precision")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MNIST_TEST_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    FRAME_RECIPE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    version: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    mnist_test_accuracy: float
    frame_recipe: str
    precision: str
    def __init__(self, version: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., mnist_test_accuracy: _Optional[float] = ..., frame_recipe: _Optional[str] = ..., precision: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_image_bytes", "max_image_pixels", "max_batch_images", "max_message_bytes", "max_number_digits", "max_page_lines")
    MAX_IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_IMAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_DIGITS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_LINES_FIELD_NUMBER: _ClassVar[int]
    max_image_bytes: int
    max_image_pixels: int
    max_batch_images: int
    max_message_bytes: int
    max_number_digits: int
    max_page_lines: int
    def __init__(self, max_image_bytes: _Optional[int] = ..., max_image_pixels: _Optional[int] = ..., max_batch_images: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_number_digits: _Optional[int] = ..., max_page_lines: _Optional[int] = ...) -> None: ...
