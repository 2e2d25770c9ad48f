from __future__ import annotations

import pytest

from tests.tools import generated_code


def test_the_committed_protobuf_code_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generated_code.main([]) == 0, capsys.readouterr().err
