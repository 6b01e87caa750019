"""The contract keeps its names and numbers, and the committed modules match the protos."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
GENERATOR = ROOT / "scripts" / "gen_protos.py"

SERVICE = pb.DESCRIPTOR.services_by_name["RecognizerService"]


def test_committed_modules_equal_generated_ones(tmp_path: Path) -> None:
    subprocess.run([sys.executable, GENERATOR, "--out", tmp_path], check=True)
    fresh = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.py*"))
    assert len(fresh) == 4 * len(list(PROTOS.rglob("*.proto")))
    for path in fresh:
        assert (tmp_path / path).read_text() == (PROTOS / path).read_text(), path


def test_the_protos_pass_the_lint() -> None:
    subprocess.run([sys.executable, GENERATOR, "--lint"], check=True)


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("VERDICT_BLANK", "BLANK", "BLANK"),
        ("  // The model that is currently served.\n", "", "comment"),
    ],
)
def test_the_lint_reports_a_broken_rule(tmp_path: Path, right: str, wrong: str, rule: str) -> None:
    folder = tmp_path / "protos" / "digits" / "v1"
    folder.mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "gen_protos.py").write_text(GENERATOR.read_text())
    (tmp_path / "protos" / "buf.yaml").write_text((PROTOS / "buf.yaml").read_text())
    text = (PROTOS / "digits/v1/recognizer.proto").read_text()
    assert right in text
    (folder / "recognizer.proto").write_text(text.replace(right, wrong))
    command = [sys.executable, str(tmp_path / "scripts" / "gen_protos.py"), "--lint"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode != 0
    assert rule in result.stdout + result.stderr


def test_the_import_path_of_a_module_is_its_file_path() -> None:
    assert Path(str(pb.__file__)) == PROTOS / "digits/v1/recognizer_pb2.py"
    assert hasattr(pb_grpc, "RecognizerServiceStub")


@pytest.mark.parametrize(
    ("method", "request_name", "response_name", "streams"),
    [
        ("Recognize", "RecognizeRequest", "RecognizeResponse", False),
        (
            "StreamingRecognize",
            "StreamingRecognizeRequest",
            "StreamingRecognizeResponse",
            True,
        ),
        ("RecognizeBatch", "RecognizeBatchRequest", "RecognizeBatchResponse", False),
        ("GetModel", "GetModelRequest", "GetModelResponse", False),
    ],
)
def test_the_service_keeps_its_methods(
    method: str, request_name: str, response_name: str, streams: bool
) -> None:
    found = SERVICE.methods_by_name[method]
    assert SERVICE.full_name == "digits.v1.RecognizerService"
    assert (found.input_type.name, found.output_type.name) == (request_name, response_name)
    assert found.client_streaming is found.server_streaming is streams


# Message -> field -> (number, type). Fields are only ever added: a line here never changes.
FIELDS = {
    "Image": {"encoded": (1, "BYTES"), "raw": (2, "MESSAGE")},
    "RawImage": {"width": (1, "UINT32"), "height": (2, "UINT32"), "data": (3, "BYTES")},
    "Prediction": {
        "verdict": (1, "ENUM"),
        "digit": (2, "UINT32"),
        "confidence": (3, "FLOAT"),
        "probabilities": (4, "FLOAT"),
        "model_version": (5, "STRING"),
        "frame": (6, "BYTES"),
        "reason": (7, "ENUM"),
        "reading": (8, "STRING"),
        "unread_pages": (9, "UINT32"),
        "not_a_digit": (12, "FLOAT"),
    },
    "RecognizeRequest": {"image": (1, "MESSAGE"), "include_frame": (2, "BOOL")},
    "RecognizeResponse": {"predictions": (1, "MESSAGE")},
    "StreamingRecognizeRequest": {
        "sequence": (1, "UINT64"),
        "image": (2, "MESSAGE"),
        "include_frame": (3, "BOOL"),
    },
    "StreamingRecognizeResponse": {
        "sequence": (1, "UINT64"),
        "predictions": (2, "MESSAGE"),
        "error": (3, "MESSAGE"),
        "superseded": (4, "BOOL"),
    },
    "RecognizeBatchRequest": {"images": (1, "MESSAGE"), "include_frame": (2, "BOOL")},
    "RecognizeBatchResponse": {"results": (1, "MESSAGE")},
    "RecognizeResult": {"predictions": (1, "MESSAGE"), "error": (2, "MESSAGE")},
    "GetModelResponse": {"model": (1, "MESSAGE"), "limits": (2, "MESSAGE")},
    "Model": {
        "version": (1, "STRING"),
        "labels": (2, "STRING"),
        "mnist_test_accuracy": (3, "DOUBLE"),
        "frame_recipe": (4, "STRING"),
        "precision": (5, "STRING"),
    },
    "Limits": {
        "max_image_bytes": (1, "UINT64"),
        "max_image_pixels": (2, "UINT64"),
        "max_batch_images": (3, "UINT32"),
        "max_message_bytes": (4, "UINT64"),
    },
}


@pytest.mark.parametrize("message", FIELDS)
def test_a_message_keeps_its_fields(message: str) -> None:
    found = pb.DESCRIPTOR.message_types_by_name[message].fields_by_name
    for name, (number, kind) in FIELDS[message].items():
        assert found[name].number == number
        assert found[name].type == getattr(FieldDescriptor, f"TYPE_{kind}")


def test_repeated_fields_stay_repeated_and_an_unset_digit_differs_from_zero() -> None:
    found = {
        f"{message.name}.{field.name}"
        for message in pb.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
        if field.is_repeated
    }
    assert found == {
        "Prediction.probabilities",
        "RecognizeResponse.numbers",
        "RecognizeResponse.predictions",
        "StreamingRecognizeResponse.numbers",
        "StreamingRecognizeResponse.predictions",
        "RecognizeBatchRequest.images",
        "RecognizeBatchResponse.results",
        "RecognizeResult.numbers",
        "RecognizeResult.predictions",
        "Model.labels",
    }
    assert pb.Prediction.DESCRIPTOR.fields_by_name["digit"].has_presence
    [source] = pb.Image.DESCRIPTOR.oneofs
    assert [field.name for field in source.fields] == ["encoded", "raw"]


def test_the_verdicts_keep_their_numbers() -> None:
    assert dict(pb.Verdict.items()) == {
        "VERDICT_UNSPECIFIED": 0,
        "VERDICT_DIGIT": 1,
        "VERDICT_NOT_A_DIGIT": 2,
        "VERDICT_BLANK": 3,
    }


def test_the_reasons_keep_their_numbers() -> None:
    assert dict(pb.Reason.items()) == {
        "REASON_UNSPECIFIED": 0,
        "REASON_NO_DIGIT": 1,
        "REASON_TOO_SMALL": 2,
        "REASON_TOO_FAINT": 3,
        "REASON_SEVERAL_DIGITS": 4,
    }


def test_the_layouts_keep_their_numbers() -> None:
    assert dict(pb.Layout.items()) == {
        "LAYOUT_UNSPECIFIED": 0,
        "LAYOUT_DIGIT": 1,
        "LAYOUT_NUMBER": 2,
        "LAYOUT_PAGE": 3,
    }


@pytest.mark.parametrize("message", ["StreamingRecognizeResponse", "RecognizeResult"])
def test_an_error_in_a_response_is_a_google_rpc_status(message: str) -> None:
    field = pb.DESCRIPTOR.message_types_by_name[message].fields_by_name["error"]
    assert field.message_type is status_pb2.Status.DESCRIPTOR
