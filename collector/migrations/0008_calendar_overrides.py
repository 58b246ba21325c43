"""What operators know better than a calendar."""

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collector', '0007_withdrawals'),
        ('providers', '0005_override_breaker'),
    ]

    operations = [
        migrations.CreateModel(
            name='CalendarOverride',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('closure', 'closure'), ('late_open', 'late open'), ('early_close', 'early close'), ('halt', 'halt'), ('maintenance', 'maintenance')], default='closure', help_text='Halt: of one instrument. Maintenance: of a provider, which is not asked meanwhile. All others: no trading.', max_length=12)),
                ('calendar', models.CharField(blank=True, help_text='All instruments on this calendar, such as XNYS, whichever of its names they have.', max_length=16)),
                ('mic', models.CharField(blank=True, help_text='All instruments of this venue, such as XNAS.', max_length=4, verbose_name='MIC')),
                ('start', models.DateTimeField(help_text='Inclusive, UTC.', verbose_name='from')),
                ('end', models.DateTimeField(help_text='Exclusive, UTC.', verbose_name='to')),
                ('why', models.CharField(help_text='What happened, for whoever looks at it later.', max_length=300)),
                ('who', models.CharField(editable=False, max_length=150)),
                ('created_at', models.DateTimeField(editable=False)),
                ('instrument', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='collector.instrument')),
                ('provider', models.ForeignKey(blank=True, help_text='For maintenance, and only for that.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='providers.provider')),
            ],
            options={
                'ordering': ('-start', '-id'),
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['closure', 'late_open', 'early_close', 'halt', 'maintenance'])), name='override_kind_known'), models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='override_runs_forwards'), models.CheckConstraint(condition=django.db.models.lookups.Exact(models.Func(django.db.models.functions.comparison.NullIf('calendar', models.Value('')), django.db.models.functions.comparison.NullIf('mic', models.Value('')), 'instrument', 'provider', function='num_nonnulls', output_field=models.IntegerField()), 1), name='override_is_about_one_thing'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'maintenance'), ('provider__isnull', False)), models.Q(models.Q(('kind', 'maintenance'), _negated=True), ('provider', None)), _connector='OR'), name='override_of_a_provider_is_maintenance'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'halt'), _negated=True), ('instrument__isnull', False), _connector='OR'), name='override_halt_is_of_an_instrument'), models.CheckConstraint(condition=models.Q(('why', ''), _negated=True), name='override_says_why')],
            },
        ),
    ]
