"""The migration operation that creates a table partitioned by range. `collector.partitions` makes the partitions themselves."""

from typing import Any

from django.db import migrations


class CreatePartitionedModel(migrations.CreateModel):
    """`CreateModel` whose table is `PARTITION BY RANGE (<partition_by>)`. Columns, checks and indexes come from the model."""

    def __init__(self, *args: Any, partition_by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.partition_by = partition_by

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, list(args), {**kwargs, "partition_by": self.partition_by}

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE ({schema_editor.quote_name(self.partition_by)})"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
