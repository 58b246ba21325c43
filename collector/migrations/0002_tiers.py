"""The three tiers with their numbers (R6.2, R8.1). Operators may change them; the rows are always there."""

from django.db import migrations

TIERS = (
    # code, cadence s, lateness s, objective, backfill cap
    ("T0", 60, 2, 0.005, 5_000),
    ("T1", 60, 5, 0.02, 10_000),
    ("T2", 60, 10, 0.05, 20_000),
)


def create_tiers(apps, schema_editor):
    tier = apps.get_model("collector", "Tier")
    for code, cadence, lateness, objective, cap in TIERS:
        tier.objects.get_or_create(
            code=code,
            defaults={
                "cadence_seconds": cadence,
                "lateness_seconds": lateness,
                "objective": objective,
                "backfill_cap": cap,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("collector", "0001_initial")]
    operations = [migrations.RunPython(create_tiers, migrations.RunPython.noop)]
