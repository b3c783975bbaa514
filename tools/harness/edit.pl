#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# Apply anchored edits to files of a kernel tree.
#
#   edit.pl LABEL KERNEL REPO STAGE PRISTINE... -- [NAME=VALUE]... EDITFILE...
#
# A source is looked for in STAGE (an earlier edit's result), then in the
# PRISTINE directories in order; the result is written to STAGE.  An anchor must
# occur exactly once, or nothing is written and the exit is non-zero: a kernel
# that moved under an edit is noticed, never guessed at.
#
# An edit file has stanzas, separated by nothing but their first word:
#
#   file PATH [into PATH]     what to edit, and the result's other name
#   kernel NAME...            only for these kernels (default: all)
#   replace | before | after  followed by the anchor, lines that start with "|"
#   append                    at the end of the file, no anchor
#   with                      followed by the new text, lines that start with "|"
#   fragment PATH             the new text is this file of the repository, without
#                             its heading comment; no such file, no edit
#
# ${NAME} in new text is replaced by the VALUE given; an edit whose value is
# empty is left out.
use strict;
use warnings;

my ($label, $kernel, $repo, $stage, @rest) = @ARGV;
my @pristine;
push @pristine, shift @rest while @rest && $rest[0] ne '--';
shift @rest;
my (%var, @edits);
/^(\w+)=(.*)$/s ? ($var{$1} = $2) : push @edits, $_ for @rest;

sub slurp {
	open(my $fh, '<', $_[0]) or die "edit: $_[0]: $!\n";
	local $/;
	my $text = <$fh>;
	return defined $text ? $text : '';
}

sub spew {
	my ($path, $text) = @_;
	my $dir = '';
	for (split m{/}, $path =~ s{/[^/]*$}{}r) { $dir .= "$_/"; mkdir $dir }
	open(my $fh, '>', $path) or die "edit: $path: $!\n";
	print $fh $text;
	close $fh or die "edit: $path: $!\n";
}

# Parse one edit file into a list of operations.
sub parse {
	my ($name) = @_;
	my (@ops, $file, $into, $kernels, $slot);
	my $n = 0;
	for (split /\n/, slurp($name)) {
		$n++;
		if (/^\|(.*)/) {
			die "edit $name:$n: text without a verb\n" unless $slot;
			$$slot .= "$1\n";
		} elsif (/^\s*(#|$)/) {
			next;
		} elsif (/^file\s+(\S+)(?:\s+into\s+(\S+))?$/) {
			($file, $into, $kernels, $slot) = ($1, $2 // $1, '', undef);
		} elsif (/^kernel\s+(.+)/) {
			$kernels = $1;
		} elsif (/^(replace|before|after|append)$/) {
			push @ops, { verb => $1, anchor => '', text => '', at => "$name:$n",
				file => $file, into => $into, kernels => $kernels };
			$slot = $1 eq 'append' ? undef : \$ops[-1]{anchor};
		} elsif (/^with$/ && @ops) {
			$slot = \$ops[-1]{text};
		} elsif (/^fragment\s+(\S+)$/ && @ops) {
			$ops[-1]{fragment} = $1;
		} else {
			die "edit $name:$n: not understood: $_\n";
		}
	}
	return @ops;
}

sub source_of {
	my ($op) = @_;
	return "$stage/$op->{into}" if -e "$stage/$op->{into}";
	for (@pristine) { return "$_/$op->{file}" if -e "$_/$op->{file}" }
	die "edit $op->{at}: no file $op->{file} in $label\n";
}

sub apply {
	my ($op) = @_;
	return if $op->{kernels} && !grep { $_ eq $kernel } split ' ', $op->{kernels};
	my $new = $op->{text};
	if ($op->{fragment}) {
		return unless -e "$repo/$op->{fragment}";
		($new = slurp("$repo/$op->{fragment}")) =~ s/\A(?:#[^\n]*\n|\s*\n)+//;
		$new .= "\n" if $op->{verb} eq 'before';
		$new = "\n$new" if $op->{verb} eq 'append' && $op->{file} =~ /Kconfig/;
	}
	for my $name ($new =~ /\$\{(\w+)\}/g) {
		return unless length($var{$name} // '');
		$new =~ s/\$\{$name\}/$var{$name}/g;
	}
	my $text = slurp(source_of($op));
	if ($op->{verb} eq 'append') {
		$text .= $new;
	} else {
		my $count = () = $text =~ /^\Q$op->{anchor}\E/mg;
		my $how = $count ? "found $count times" : 'not found';
		die "edit $op->{at}: anchor $how in $op->{file} of $label\n"
			unless $count == 1;
		my $put = $op->{verb} eq 'replace' ? $new
			: $op->{verb} eq 'before' ? $new . $op->{anchor}
			: $op->{anchor} . $new;
		$text =~ s/^\Q$op->{anchor}\E/$put/m;
	}
	spew("$stage/$op->{into}", $text);
}

apply($_) for map { parse($_) } @edits;
