"""Who may ask for a range, and which series wait for room in the history lane."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0009_incidents'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='backfill',
            options={'permissions': (('request_backfill', 'Can ask for a range to be filled'),)},
        ),
        migrations.CreateModel(
            name='HistoryWait',
            fields=[
                ('series', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='collector.series')),
                ('since', models.DateTimeField()),
            ],
        ),
    ]
