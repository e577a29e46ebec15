"""The client of an S3 server."""

from typing import Any


def s3_client(endpoint: str, access_key: str, secret_key: str, *, secure: bool) -> Any:
    """A client of an S3 server; without a key it takes the one that botocore finds by itself."""
    import botocore.session
    from botocore.config import Config

    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key} if access_key else {}
    return botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"{'https' if secure else 'http'}://{endpoint}",
        config=Config(retries={"max_attempts": 3}, connect_timeout=5, s3={"addressing_style": "path"}),
        **keys,
    )
