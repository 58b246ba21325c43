"""Time that many series miss at once."""

import collector.models.incidents
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0008_calendar_overrides'),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('calendar', models.CharField(max_length=16)),
                ('interval', models.CharField(choices=[('1m', '1m'), ('5m', '5m'), ('15m', '15m'), ('30m', '30m'), ('1h', '1h'), ('1d', '1d')], max_length=4)),
                ('start', models.DateTimeField(help_text='Inclusive.')),
                ('end', models.DateTimeField(help_text='Exclusive.')),
                ('series_worst', models.PositiveIntegerField(help_text='Most series that missed some of it at once.')),
                ('series_now', models.PositiveIntegerField(help_text='Series that still missed some of it when it was last looked at.')),
                ('tiers', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), help_text='Of all series that missed some of it.', size=None)),
                ('symbols', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), help_text='Some of them, from when most were missing.', size=None)),
                ('cause', models.CharField(help_text='The commonest among its jobs; pending while no vendor was asked.', max_length=16)),
                ('providers', models.JSONField(default=dict, help_text='What vendors said to its jobs: provider, code, how often.')),
                ('found_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField(help_text='When something of it was last missing.')),
                ('ended_at', models.DateTimeField(null=True)),
                ('part_of', models.ForeignKey(help_text='The incident that it turned out to be one with.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='collector.incident')),
            ],
            options={
                'indexes': [models.Index(fields=['-found_at', '-id'], name='incident_newest_first')],
                'constraints': [models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='incident_runs_forwards'), models.CheckConstraint(condition=models.Q(('series_now__lte', models.F('series_worst'))), name='incident_worst_is_most'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('ended_at', None)), expressions=[(collector.models.incidents.SameText('calendar'), '&&'), (collector.models.incidents.SameText('interval'), '&&'), (collector.models.incidents.TimeSpan('start', 'end', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='incident_once_while_open')],
            },
        ),
    ]
