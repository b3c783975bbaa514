#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Print the machine's own Debian mirror, so that the harness need not name one:
#   apt-mirror.pl main|security FILE...  ->  "URI[TAB]KEYRING"
# Reads one-line and deb822 sources.  "main" is the mirror that serves the base
# suite of the machine's release, "security" the one of its security suite.
use strict;
use warnings;

my $want = shift;
my @found;	# [uri, suites, keyring]

for my $file (@ARGV) {
	open(my $fh, '<', $file) or next;
	my $text = do { local $/; <$fh> };
	if ($file =~ /\.sources$/) {
		for my $stanza (split /\n\s*\n/, $text) {
			my %f;
			my $key = '';
			for (split /\n/, $stanza) {
				next if /^\s*#/;
				if (/^([\w-]+):\s*(.*)/) { $key = lc $1; $f{$key} = $2 }
				elsif (/^\s+(\S.*)/) { $f{$key} .= " $1" }
			}
			next unless ($f{types} // '') =~ /\bdeb\b/;
			next if lc($f{enabled} // 'yes') eq 'no';
			# A keyring can also be written into the file itself.
			my $key_file = ($f{'signed-by'} // '') =~ m{^(/\S+)} ? $1 : '';
			push @found, [$_, $f{suites} // '', $key_file]
				for split ' ', $f{uris} // '';
		}
	} else {
		for (split /\n/, $text) {
			next unless m{^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)};
			my ($opt, $uri, $suite) = ($1 // '', $2, $3);
			my $key_file = $opt =~ m{signed-by=(/[^\s,]+)} ? $1 : '';
			push @found, [$uri, $suite, $key_file];
		}
	}
}

for (@found) {
	my ($uri, $suites, $key) = @$_;
	my $security = $suites =~ /-security\b|\/updates\b/;
	# Debian's base suites; other vendors' repositories name theirs otherwise.
	my $base = $suites =~ /(?:^|\s)(?:bookworm|trixie|forky|sid|stable|testing|unstable)(?:\s|$)/;
	next unless $want eq 'security' ? $security : ($base && !$security);
	$uri =~ s{/+$}{};
	print $key ? "$uri\t$key\n" : "$uri\n";
	exit 0;
}
exit 1;
