"""What the configuration's endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import BeforeValidator, ConfigDict

from providers.selectors.versions import Following

MOST_VERSIONS = 200
Number = Annotated[int, Field(ge=0, lt=10**12, description="A policy version.")]


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


NumberText = Annotated[str | None, BeforeValidator(_text)]


class ReloadIn(Schema):
    """Parameters of a reload."""

    dry_run: bool = Field(False, description="Only say what a reload would do.")


class ReloadOut(Schema):
    """What became of the candidate."""

    ok: bool
    policy_version: str | None = Field(description="The version that is active now; null when the candidate is refused.")
    error: str | None = Field(description="The first fault.")


class ChangeOut(Schema):
    """One value; null for what is new or gone."""

    what: str
    before: Any
    after: Any
    source: str = Field(description="A variable and its place, a row, or the default.")


class DryRunOut(ReloadOut):
    """What a reload would do."""

    errors: list[str]
    changes: list[ChangeOut]


class RollbackOut(ReloadOut):
    """What became of it; `draft_differs`: a reload would not bring this version again."""

    draft_differs: bool


class ActiveOut(Schema):
    """The version that runs."""

    policy_version: NumberText = Field(alias="version_id")
    activated_at: datetime
    activated_by: str

    model_config = ConfigDict(populate_by_name=True)


class AttemptOut(Schema):
    """The last reload or rollback, refused ones too."""

    ok: bool = Field(alias="is_ok")
    policy_version: NumberText = Field(alias="version")
    error: str
    at: datetime
    author: str
    through: str

    model_config = ConfigDict(populate_by_name=True)


class ProcessOut(Schema):
    """A process that reported within a day, with the version it ran then."""

    process: str
    role: str
    policy_version: NumberText = Field(alias="version")
    seen_at: datetime
    following: Following = Field(description="lagging: no job since; gone: silent for 5 minutes.")

    model_config = ConfigDict(populate_by_name=True)


class StatusOut(Schema):
    """`errors`: why a reload would be refused now; `changes`: what it would change."""

    active: ActiveOut | None
    last_attempt: AttemptOut | None
    draft_differs: bool
    errors: list[str]
    changes: list[ChangeOut]
    processes: list[ProcessOut]


class VersionsIn(Schema):
    """Which page."""

    limit: int = Field(50, ge=1, le=MOST_VERSIONS)
    after: Number | None = None


class VersionOut(Schema):
    """`changes`: of the version that was active when it was made."""

    policy_version: str
    is_active: bool
    created_at: datetime
    author: str
    through: str
    checksum: str
    changes: list[ChangeOut]


class VersionsOut(Schema):
    """One page."""

    versions: list[VersionOut]
    next: str | None


class DiffIn(Schema):
    """Against what."""

    against: Number | None = Field(None, description="Another version; the active one when left out.")


class DiffOut(Schema):
    """`against` is null when no version is active: everything is new then."""

    policy_version: str
    against: str | None
    changes: list[ChangeOut]
