import pytest

from renderbench.layout import Root
from tests.renderfm.training.studies import prepare_training


@pytest.fixture(scope="session")
def trainable(tmp_path_factory) -> Root:
    """Scans and views to train on; nobody writes to them but below ``checkpoints``."""
    return prepare_training(tmp_path_factory.mktemp("trainable"))
