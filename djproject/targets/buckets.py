"""The places of a target's stores, made where they are missing: DataJoint makes no bucket by design."""

from djproject.project.stores import StoreSpec
from djproject.targets.choice import Target, make_folders
from djproject.targets.objects import s3_client
from djproject.targets.probes import store_error
from djproject.targets.stack import STACK


def make_stores(target: Target) -> tuple[str, ...]:
    """Make the buckets of all s3 stores and the folders of the target's own ones; the buckets made come back.

    Raises
    ------
    EnvironmentUnavailableError
        The object store does not answer, or does not let us.
    """
    make_folders(target)
    made: dict[str, None] = {}
    for name, spec in target.settings.stores.items():
        if not isinstance(spec, dict) or spec.get("protocol") != "s3":
            continue
        if target.name == STACK and not spec.get("access_key"):
            continue  # the stack has no object store: this one is elsewhere, and nobody gave a key for it
        if str(spec["bucket"]) not in made:
            try:
                if _make_bucket(spec):
                    made[str(spec["bucket"])] = None
            except Exception as error:
                raise store_error(name, spec, error) from error
    return tuple(made)


def _make_bucket(spec: StoreSpec) -> bool:
    """Make the bucket of a store, unless it is there."""
    from botocore.exceptions import ClientError

    access_key, secret_key = (str(spec.get(key) or "") for key in ("access_key", "secret_key"))
    client = s3_client(str(spec["endpoint"]), access_key, secret_key, secure=bool(spec.get("secure")))
    bucket = str(spec["bucket"])
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
            # A HEAD has no body that would say why; the list of buckets does.
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            raise
        client.create_bucket(Bucket=bucket)
        return True
    return False
