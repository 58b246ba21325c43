"""Bars that are taken back, spans declared bad, history that was asked for, and which sessions were read again as a whole."""

import collector.models.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0006_dead_letter_permissions'),
        ('providers', '0005_override_breaker'),
    ]

    operations = [
        migrations.CreateModel(
            name='RangeInvalidation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('start', models.DateTimeField(help_text='Inclusive.')),
                ('end', models.DateTimeField(help_text='Exclusive.')),
                ('bars', models.PositiveIntegerField(help_text='How many held bars were taken back.')),
                ('who', models.CharField(max_length=150)),
                ('why', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'range declared bad',
                'verbose_name_plural': 'ranges declared bad',
            },
        ),
        migrations.AddField(
            model_name='bar',
            name='withdrawn_by',
            field=models.CharField(choices=[('vendor', 'its vendor no longer sends it'), ('operator', 'an operator declared it bad')], help_text='Null: it counts.', max_length=8, null=True),
        ),
        migrations.AddField(
            model_name='barrevision',
            name='withdrawn_by',
            field=models.CharField(choices=[('vendor', 'its vendor no longer sends it'), ('operator', 'an operator declared it bad')], help_text='Null: it counted.', max_length=8, null=True),
        ),
        migrations.AddField(
            model_name='coverage',
            name='verified',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How many of the readings of the whole session after its close are done.'),
        ),
        migrations.AddField(
            model_name='coverage',
            name='void',
            field=collector.models.fields.MultirangeField(default=collector.models.fields.no_spans),
        ),
        migrations.AddField(
            model_name='dailybar',
            name='withdrawn_by',
            field=models.CharField(choices=[('vendor', 'its vendor no longer sends it'), ('operator', 'an operator declared it bad')], help_text='Null: it counts.', max_length=8, null=True),
        ),
        migrations.AddField(
            model_name='series',
            name='history',
            field=collector.models.fields.MultirangeField(default=collector.models.fields.no_spans, editable=False, help_text='Spans outside of those two that an operator asked for.'),
        ),
        migrations.AddIndex(
            model_name='coverage',
            index=models.Index(condition=models.Q(('verified__lt', 2)), fields=['session'], name='coverage_to_verify'),
        ),
        migrations.AddField(
            model_name='rangeinvalidation',
            name='provider',
            field=models.ForeignKey(help_text='Whose values count; empty: whoever is asked.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='providers.provider'),
        ),
        migrations.AddField(
            model_name='rangeinvalidation',
            name='series',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='collector.series'),
        ),
        migrations.AddIndex(
            model_name='rangeinvalidation',
            index=models.Index(fields=['series', 'start'], name='invalidation_by_span'),
        ),
        migrations.AddConstraint(
            model_name='rangeinvalidation',
            constraint=models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='invalidation_runs_forwards'),
        ),
    ]
