"""Quotes: what is collected, every quote by day, the newest of each instrument, refused ones; and how often each tier asks."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import providers.market.types
from django.db import migrations, models

from collector.partitioning import CreatePartitionedModel

CADENCES = {"T0": 10, "T1": 30, "T2": 60}


def set_cadences(apps, schema_editor):
    for code, seconds in CADENCES.items():
        apps.get_model("collector", "Tier").objects.filter(code=code).update(quote_cadence_seconds=seconds)


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0003_recorded_index'),
        ('providers', '0003_standings_budgets_versions'),
    ]

    operations = [
        migrations.CreateModel(
            name='LatestQuote',
            fields=[
                ('at', models.DateTimeField(help_text="The vendor's time of the quote; where it names none, when the answer came.")),
                ('bid', models.FloatField(null=True)),
                ('ask', models.FloatField(null=True)),
                ('bid_size', models.FloatField(null=True)),
                ('ask_size', models.FloatField(null=True)),
                ('size_unit', models.CharField(blank=True, choices=[('round_lots', 'round_lots'), ('shares', 'shares'), ('base', 'base')], max_length=12)),
                ('is_crossed', models.BooleanField(help_text='Bid above ask: kept as it came.')),
                ('is_locked', models.BooleanField(help_text='Bid equals ask.')),
                ('has_vendor_time', models.BooleanField(help_text='False: the vendor named no time, `at` is when its answer came.')),
                ('rev', models.IntegerField(default=1, help_text='1, and one more with each other value that the vendor gave for this time.')),
                ('asked_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(help_text='Taken inside the write.')),
                ('instrument', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='latest_quote', serialize=False, to='collector.instrument')),
                ('provider', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provider')),
            ],
            options={
                'abstract': False,
            },
        ),
        CreatePartitionedModel(
            name='Quote',
            partition_by='at',
            fields=[
                ('at', models.DateTimeField(help_text="The vendor's time of the quote; where it names none, when the answer came.")),
                ('bid', models.FloatField(null=True)),
                ('ask', models.FloatField(null=True)),
                ('bid_size', models.FloatField(null=True)),
                ('ask_size', models.FloatField(null=True)),
                ('size_unit', models.CharField(blank=True, choices=[('round_lots', 'round_lots'), ('shares', 'shares'), ('base', 'base')], max_length=12)),
                ('is_crossed', models.BooleanField(help_text='Bid above ask: kept as it came.')),
                ('is_locked', models.BooleanField(help_text='Bid equals ask.')),
                ('has_vendor_time', models.BooleanField(help_text='False: the vendor named no time, `at` is when its answer came.')),
                ('rev', models.IntegerField(default=1, help_text='1, and one more with each other value that the vendor gave for this time.')),
                ('asked_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(help_text='Taken inside the write.')),
                ('pk', models.CompositePrimaryKey('instrument_id', 'at', 'provider_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='collector.instrument')),
                ('provider', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provider')),
            ],
            options={
                'db_table': 'collector_quote',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='QuoteSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hours', models.CharField(choices=[('regular', 'regular'), ('extended', 'extended')], default=providers.market.types.Hours['REGULAR'], max_length=8)),
                ('is_active', models.BooleanField(default=True)),
                ('instrument', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='quote_series', to='collector.instrument')),
                ('tier', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quote_series', to='collector.tier')),
            ],
            options={
                'verbose_name': 'quote series',
                'verbose_name_plural': 'quote series',
                'ordering': ('instrument__symbol',),
            },
        ),
        migrations.CreateModel(
            name='RejectedQuote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(help_text='Short stable code, e.g. high_below_low.', max_length=40)),
                ('detail', models.TextField(blank=True, help_text='What was expected and what came.')),
                ('raw', models.TextField(help_text='The row as it came.')),
                ('fingerprint', models.CharField(editable=False, max_length=32)),
                ('times_seen', models.IntegerField(default=1)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('at', models.DateTimeField(help_text='Null when the row named no readable time.', null=True)),
                ('instrument', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='collector.instrument')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='providers.provider')),
            ],
        ),
        migrations.AddField(
            model_name='tier',
            name='quote_cadence_seconds',
            field=models.PositiveIntegerField(default=60, help_text='Quotes are asked for once in so many seconds.'),
        ),
        migrations.AddField(
            model_name='tier',
            name='quotes_planned_through',
            field=models.DateTimeField(blank=True, editable=False, help_text='Newest boundary that quotes were planned for.', null=True),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('quote_cadence_seconds__gte', 1)), name='tier_quote_cadence_positive'),
        ),
        migrations.AddConstraint(
            model_name='latestquote',
            constraint=models.CheckConstraint(condition=models.Q(('bid__isnull', False), ('ask__isnull', False), _connector='OR'), name='latestquote_has_a_side'),
        ),
        migrations.AddConstraint(
            model_name='latestquote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('bid_size', None), models.Q(('bid__isnull', False), ('bid_size__gte', 0)), _connector='OR'), models.Q(('ask_size', None), models.Q(('ask__isnull', False), ('ask_size__gte', 0)), _connector='OR')), name='latestquote_sizes_of_prices'),
        ),
        migrations.AddConstraint(
            model_name='latestquote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('is_crossed', False), ('is_locked', False), models.Q(('bid', None), ('ask', None), ('bid__lt', models.F('ask')), _connector='OR')), models.Q(('ask__isnull', False), ('bid__gt', models.F('ask')), ('bid__isnull', False), ('is_crossed', True), ('is_locked', False)), models.Q(('ask__isnull', False), ('bid', models.F('ask')), ('bid__isnull', False), ('is_crossed', False), ('is_locked', True)), _connector='OR'), name='latestquote_marked_rightly'),
        ),
        migrations.AddIndex(
            model_name='quote',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['recorded_at'], name='quote_recorded', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.CheckConstraint(condition=models.Q(('bid__isnull', False), ('ask__isnull', False), _connector='OR'), name='quote_has_a_side'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('bid_size', None), models.Q(('bid__isnull', False), ('bid_size__gte', 0)), _connector='OR'), models.Q(('ask_size', None), models.Q(('ask__isnull', False), ('ask_size__gte', 0)), _connector='OR')), name='quote_sizes_of_prices'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('is_crossed', False), ('is_locked', False), models.Q(('bid', None), ('ask', None), ('bid__lt', models.F('ask')), _connector='OR')), models.Q(('ask__isnull', False), ('bid__gt', models.F('ask')), ('bid__isnull', False), ('is_crossed', True), ('is_locked', False)), models.Q(('ask__isnull', False), ('bid', models.F('ask')), ('bid__isnull', False), ('is_crossed', False), ('is_locked', True)), _connector='OR'), name='quote_marked_rightly'),
        ),
        migrations.AddConstraint(
            model_name='quoteseries',
            constraint=models.CheckConstraint(condition=models.Q(('hours__in', ['regular', 'extended'])), name='quote_series_hours_known'),
        ),
        migrations.AddIndex(
            model_name='rejectedquote',
            index=models.Index(fields=['-last_seen_at', '-id'], name='rejected_quote_newest_first'),
        ),
        migrations.AddConstraint(
            model_name='rejectedquote',
            constraint=models.UniqueConstraint(fields=('instrument', 'provider', 'fingerprint'), name='rejected_quote_once'),
        ),
        migrations.RunPython(set_cadences, migrations.RunPython.noop),
    ]
