from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("providers", "0004_reload_attempts")]

    operations = [
        migrations.AlterModelOptions(
            name="providerstate",
            options={
                "ordering": ("provider__name", "capability"),
                "permissions": (
                    ("override_breaker", "Can force breakers open or closed and readmit isolated providers"),
                ),
                "verbose_name": "provider health",
                "verbose_name_plural": "provider health",
            },
        ),
    ]
