from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
VERDICT_UNSPECIFIED: Verdict
VERDICT_DIGIT: Verdict
VERDICT_NOT_A_DIGIT: Verdict
VERDICT_BLANK: Verdict
REASON_UNSPECIFIED: Reason
REASON_NO_DIGIT: Reason
REASON_TOO_SMALL: Reason
REASON_TOO_FAINT: Reason

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

class Prediction(_message.Message):
    __slots__ = ("verdict", "digit", "confidence", "probabilities", "model_version", "frame", "reason", "reading", "unread_pages")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    UNREAD_PAGES_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    digit: int
    confidence: float
    probabilities: _containers.RepeatedScalarFieldContainer[float]
    model_version: str
    frame: bytes
    reason: Reason
    reading: str
    unread_pages: int
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., digit: _Optional[int] = ..., confidence: _Optional[float] = ..., probabilities: _Optional[_Iterable[float]] = ..., model_version: _Optional[str] = ..., frame: _Optional[bytes] = ..., reason: _Optional[_Union[Reason, str]] = ..., reading: _Optional[str] = ..., unread_pages: _Optional[int] = ...) -> None: ...

class RecognizeRequest(_message.Message):
    __slots__ = ("image", "include_frame")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    image: Image
    include_frame: bool
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., include_frame: _Optional[bool] = ...) -> None: ...

class RecognizeResponse(_message.Message):
    __slots__ = ("predictions",)
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ...) -> None: ...

class StreamingRecognizeRequest(_message.Message):
    __slots__ = ("sequence", "image", "include_frame")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    image: Image
    include_frame: bool
    def __init__(self, sequence: _Optional[int] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., include_frame: _Optional[bool] = ...) -> None: ...

class StreamingRecognizeResponse(_message.Message):
    __slots__ = ("sequence", "predictions", "error", "superseded")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    error: _status_pb2.Status
    superseded: bool
    def __init__(self, sequence: _Optional[int] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., superseded: _Optional[bool] = ...) -> None: ...

class RecognizeBatchRequest(_message.Message):
    __slots__ = ("images", "include_frame")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FRAME_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    include_frame: bool
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., include_frame: _Optional[bool] = ...) -> None: ...

class RecognizeBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RecognizeResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RecognizeResult, _Mapping]]] = ...) -> None: ...

class RecognizeResult(_message.Message):
    __slots__ = ("predictions", "error")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    error: _status_pb2.Status
    def __init__(self, predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("max_image_bytes", "max_image_pixels", "max_batch_images", "max_message_bytes")
    MAX_IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_IMAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_image_bytes: int
    max_image_pixels: int
    max_batch_images: int
    max_message_bytes: int
    def __init__(self, max_image_bytes: _Optional[int] = ..., max_image_pixels: _Optional[int] = ..., max_batch_images: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...
