"""What was recorded in a span of time can be found; made on the partitioned parent, the index propagates to every partition."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


def recorded(model):
    index = BrinIndex(fields=["recorded_at"], name=f"{model}_recorded", autosummarize=True, pages_per_range=32)
    return migrations.AddIndex(model_name=model, index=index)


class Migration(migrations.Migration):
    dependencies = [("collector", "0002_tiers")]
    operations = [recorded("bar"), recorded("dailybar")]
