"""PHP that is hard to find functions in, valid to PHP 8.2: what the text is, and which functions are in it."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """A function as it is expected: the lines of its name and of its body's begin, and how many lines are in that."""

    name: str
    signature_line: int
    start_line: int
    length: int


#: The ways to give a function the name `fn`, as what stands before and after its body's lines.
NAMED = {
    "function": ("function fn_() {", "}"),
    "by-reference": ("function &fn_() {", "}"),
    "typed": ("function fn_(?int $a = 1, A|B ...$b): ?array {", "}"),
    "attribute": ("#[A(['}'])] function fn_(#[B] $c) {", "}"),
    "capitals": ("FUNCTION fn_() {", "}"),
    "namespace": ("namespace N { function fn_() {", "} }"),
    "conditional": ("if (!function_exists('fn_')) { function fn_() {", "} }"),
    "method": ("class A { function fn_() {", "} }"),
    "static-method": ("abstract class A { final protected static function fn_() {", "} }"),
    "readonly-class": ("final readonly class A { public function fn_() {", "} }"),
    "trait": ("trait A { private function fn_() {", "} }"),
    "enum": ("enum A: string implements B { case C = '{'; public static function fn_(): self {", "} }"),
    "anonymous-class": ("f(new #[B] class(1) extends C { function fn_() {", "} });"),
    "variable": ("$fn_ = function () {", "};"),
    "by-reference-closure": ("$fn_ = function &() {", "};"),
    "use": ("$fn_ = function ($a, $b,) use ($c, &$d,): ?int {", "};"),
    "static-closure": ("$fn_ = static function () {", "};"),
    "attribute-closure": ("$fn_ = #[A] #[B([1], '}')] static function () {", "};"),
    "property": ("$this->fn_ = function () {", "};"),
    "deep-property": ("$this->a['b']->c()->fn_ = function () {", "};"),
    "class-property": ("\\A\\B::$fn_ = function () {", "};"),
    "coalesce": ("$fn_ ??= function () {", "};"),
    "coalesce-property": ("$a->fn_ ??= static function () {", "};"),
    "chained": ("$a = $this->b = $fn_ = function () {", "};"),
    "condition": ("if (!$fn_ = function () {", "}) { }"),
    "argument-assignment": ("f($fn_ = function () {", "});"),
    "comments": ("$fn_ /* { */ = // {\n  # {\n  static /** { */ function /* ; */ () /* { */ {", "};"),
}

#: Functions that nothing names.
NAMELESS = {
    "argument": ("f(function () {", "});"),
    "named-argument": ("f(fn_: function () {", "});"),
    "called": ("(function () {", "})();"),
    "assigned-result": ("$fn_ = (function () {", "})();"),
    "returned": ("return function () {", "};"),
    "element": ("$a['fn_'] = function () {", "};"),
    "pushed": ("$fn_[] = function () {", "};"),
    "array": ("$fn_ = ['fn_' => function () {", "}];"),
    "operand": ("$fn_ = $a ?? function () {", "};"),
    "variable-variable": ("$$fn_ = function () {", "};"),
    "variable-property": ("$this->$fn_ = function () {", "};"),
    "string-property": ("$this->{'fn_'} = function () {", "};"),
    "variable-static": ("A::$$fn_ = function () {", "};"),
    "arrow": ("$fn_ = fn() => f(function () {", "});"),
    "match": ("$fn_ = match (1) { default => function () {", "} };"),
}

CASES = {
    "no-php": (
        "function f() {\n 1;\n}\n",
        [],
    ),
    "bare-tag": (
        "<?php",
        [],
    ),
    "abstract": (
        """<?php abstract class A { abstract function f(); }
interface B { static function g(): self; }""",
        [],
    ),
    "imports": (
        r"""<?php use function A\b; use function A\{c, d}; use A\{function e, const F};
$a = $b;""",
        [],
    ),
    "anonymous-class": (
        "<?php $a = new class {\n const B = 1;\n};",
        [],
    ),
    "one-line": (
        "<?php function f() { } function g() {\n} function h()\n{\n}",
        [Found("f", 1, 2, 0), Found("g", 1, 2, 0), Found("h", 2, 4, 0)],
    ),
    "braces-share-lines": (
        "<?php function f() { 1;\n 2;\n 3; }",
        [Found("f", 1, 2, 1)],
    ),
    "nested": (
        """<?php function a() {
 function b() {
  class C { function d() {
   $e = function () {
    1;
   };
  } }
 }
}
$f = function () {
};""",
        [Found("a", 1, 2, 7), Found("b", 2, 3, 5), Found("d", 3, 4, 3), Found("e", 4, 5, 1), Found("f", 10, 11, 0)],
    ),
    "self": (
        """<?php class A {
  static $f;
  function m() {
    self::$f = static::$g ??= function () {
      1;
    };
  }
}""",
        [Found("m", 3, 4, 3), Found("g", 4, 5, 1)],
    ),
    "closure-before-its-owner": (
        """<?php
a(function () {
  $b = function () {
    1;
  };
})->c = function () {
  2;
};""",
        [Found("b", 3, 4, 1), Found("c", 6, 7, 1)],
    ),
    "long-header": (
        """<?php
class A {
  #[B(
    1,
    '{',
  )]
  public
  static function
  f(
    #[C] ?int $d = null,
  ): ?self
  {
    1;
  }
}""",
        [Found("f", 9, 13, 1)],
    ),
    "property-on-lines": (
        "<?php\n$this\n  ->a()\n  ->f\n  = function ()\n  {\n    1;\n  };",
        [Found("f", 4, 7, 1)],
    ),
    "html": (
        """<p>{ function x() {
<?php function f() { ?>
  <b>it's }</b> <?= $a['}'] ?>
<?php } ?>
<i>}
<?php function g() { // } ?> }
<?php # } ?>
  1;
<?php } ?>
{""",
        [Found("f", 2, 3, 1), Found("g", 6, 7, 2)],
    ),
    "xml": (
        "<?xml version='1.0'?>\n<?php function f() {\n  1;\n} ?>\n<a>{",
        [Found("f", 2, 3, 1)],
    ),
    "script": (
        """<script>function x() { if (a <b) { } }</script>
<?php function f() {
  1;
} ?>
<style>{""",
        [Found("f", 2, 3, 1)],
    ),
    "shebang": (
        "#!/usr/bin/env php\n<?PHP function f() {\n  1;\n}",
        [Found("f", 2, 3, 1)],
    ),
    "alternative-syntax": (
        """<?php function f() {
 if ($a): ?> } <?php elseif ($b): foreach ($c as $d): ?> {
 <?php endforeach; else: endif;
 switch ($e): case 1: endswitch; while (0): endwhile; for (;;): endfor;
}
declare(ticks=1) { function g() {
} }""",
        [Found("f", 1, 2, 3), Found("g", 6, 7, 0)],
    ),
    "comments": (
        """<?php # } {
// function a() {
/* function b() {
 } */
/** } function c() { */
#[ A ] // }
function f() { # }
  // '
  /* " */
} // }""",
        [Found("f", 7, 8, 2)],
    ),
    "strings": (
        r"""<?php function f() {
  $a = 'function g() { \'}';
  $b = "{$c} ${d} ${e['f']} $g[0] $h[i] $j->k {$l->m['n']->o(['}'])} } \{$p} { $";
  $q = `ls } {$r}`;
  $s = "
 } function t() {
";
}""",
        [Found("f", 1, 2, 6)],
    ),
    "function-in-a-string": (
        """<?php
$a = "}{$b(function () { $c = function () { return '}';
 }; })}";
function f() {
  1;
}""",
        [Found("c", 2, 3, 0), Found("f", 4, 5, 1)],
    ),
    "heredoc": (
        r"""<?php function f() {
  a(<<<SQL
    } {$b->c(['}'])} $d[e] \{$f} function g() {
    SQLX }
    SQL . 'x', <<<"B"
 } $
B, 1);
}
function h() {
  1;
}""",
        [Found("f", 1, 2, 6), Found("h", 9, 10, 1)],
    ),
    "nowdoc": (
        """<?php function f() {
  return <<<'A'
  {$ } ${ " ' <?php ?> function g() {
  A;
}
$h = <<<'B'
B;
function i() {
}""",
        [Found("f", 1, 2, 3), Found("i", 8, 9, 0)],
    ),
    "heredoc-in-a-heredoc": (
        """<?php function f() {
  $a = <<<A
    {$b(<<<B
    } {
    B)} }
    A;
}""",
        [Found("f", 1, 2, 5)],
    ),
    "semi-reserved": (
        """<?php class A { function list() {
 } function function() {
 } function class() {
 } function fn() {
 }
function match() {
 } function enum() {
 } const FUNCTION = 1; function new() {
 A::FUNCTION; $a->function(); } }""",
        [
            Found("list", 1, 2, 0),
            Found("function", 2, 3, 0),
            Found("class", 3, 4, 0),
            Found("fn", 4, 5, 0),
            Found("match", 6, 7, 0),
            Found("enum", 7, 8, 0),
            Found("new", 8, 9, 0),
        ],
    ),
    "new-syntax": (
        """<?php enum A: string { case B = self::C . '}'; const C = '{'; }
readonly class D { function __construct(
  public readonly (A&B)|null $e = new F(g: 1), protected ?H $i = null,
) {
  $this?->j(...$k, l: strlen(...));
  return match (true) { $a, $b => fn() => 1, default => throw new E };
} }""",
        [Found("__construct", 2, 5, 2)],
    ),
    "goto": (
        "<?php function f() {\n a: if (1) { goto a; }\n b:\n}",
        [Found("f", 1, 2, 2)],
    ),
    "halt": (
        "<?php function f() {\n 1;\n}\n__halt_compiler();function g() {\n } } ' {\0",
        [Found("f", 1, 2, 1)],
    ),
    "halt-by-tag": (
        "<?php function f() {\n}\n__HALT_COMPILER ( ) ?> <?php function g() {\n '",
        [Found("f", 1, 2, 0)],
    ),
    "no-halt": (
        """<?php // __halt_compiler();
$a = '__halt_compiler();';
$b = "__halt_compiler();"; /* __halt_compiler(); */
class A { function f() { "}";
 __HALT_COMPILER_OFFSET__;
} }
?> __halt_compiler();""",
        [Found("f", 4, 5, 1)],
    ),
    "carriage-returns": (
        "<?php // {\rfunction f() { # {\r  <<<A\r  } {\r  A;\r\r}\r\n/* \n\r */ function g() {\n  1;\r}",
        [Found("f", 2, 3, 4), Found("g", 10, 11, 1)],
    ),
    "no-line-ends": (
        "<?php // \f\v\x1c\x85\u2028 {\nfunction f() { # \f\n  '\v\x1c\x85\u2028\u2029';\n}",
        [Found("f", 2, 3, 1)],
    ),
    "unicode": (
        """<?php /* ä日🎉 } */ class Ä { function größe日() {
  'ä日🎉';
} }
$ünï = function () {
  1;
};
$a->名前 = function () {
};""",
        [Found("größe日", 1, 2, 1), Found("ünï", 4, 5, 1), Found("名前", 7, 8, 0)],
    ),
    "letters-of-php": (
        "<?php /* ä */ function 🎉() {\n  1;\n}\n$a\u00a0b = function () {\n};",
        [Found("🎉", 1, 2, 1), Found("a\u00a0b", 4, 5, 0)],
    ),
    "tabs": (
        "<?php\n\tfunction\tf\t()\t{\n\t\t1;\n\t}\t",
        [Found("f", 2, 3, 1)],
    ),
    "nul": (
        "\0<?php // \0\nfunction f() {\n  '\0';\n}",
        [Found("f", 2, 3, 1)],
    ),
    "word-after-arrow": (
        """<?php $this->class = function () {
  return "$this->class, $a?->new $b[default]";
};""",
        [Found("class", 1, 2, 1)],
    ),
    "word-as-argument": (
        "<?php function f() {\n  g(new: 1, list: 2,\n  print: 3);\n}",
        [Found("f", 1, 2, 2)],
    ),
    "word-by-reference": (
        "<?php class A { function &new() {\n  1;\n} }",
        [Found("new", 1, 2, 1)],
    ),
    "type-as-class": (
        """<?php function integer() {
  f(Binary::X, double(1), (double) (1), Real::y());
}""",
        [Found("integer", 1, 2, 1)],
    ),
    "clone-of-assignment": (
        "<?php function f() {\n  $a ??= clone $b ??= 1;\n}",
        [Found("f", 1, 2, 1)],
    ),
    "comment-in-heredoc": (
        """<?php class A { /**/ private function f() { $a = <<<EOD
p
/*
e
.
.
s
.
*
C
.
*/
;
EOD;
} }
/* <<<A */ function g() {
 A; /* } */
}""",
        [Found("f", 1, 2, 13), Found("g", 16, 17, 1)],
    ),
}
