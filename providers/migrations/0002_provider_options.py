from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='provider',
            name='options',
            field=models.JSONField(blank=True, default=dict, help_text='What only this vendor can be told, e.g. {"bar_label": "end"}; see docs/providers.md.'),
        ),
    ]
