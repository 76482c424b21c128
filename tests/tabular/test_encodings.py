from __future__ import annotations

import pytest

from hornbook.data.readers.header_tables import read_table
from hornbook.errors import DataError, OptionError
from hornbook.tabular.encodings import check_encoding, guess, sample_of
from hornbook.tabular.lines import find_file_encoding, numbered_lines

WESTERN = [
    "Müller,käse\nMüller,brot\n",
    "café,thé\ncafé,pain\n",
    "Straße,groß,Größe\n",
    "Äpfel,Öl,Übung\n",
    "MÜLLER,KÄSE,STRAßE\n",
    "Núñez,García,José\n¿Qué tal?,¡Hola!\n",
    "Søren,Ærø,Århus,Bærum\n",
    "Ångström,Malmö,Göteborg,Öst\n",
    "pää,yö,sää,hääyö\n",
    "Reykjavík,Þór,Ásgeir,hæð,síðan\n",
    "São Paulo,coração,corações,Pão de açúcar\n",
    "l’été,d’œuvre,cœur,créée,naïf,Noël\n",
    "5 €,10 €,“quoted”,text – dash,n° 5,20 °C,5 µm,½ Liter\n",
    "René\n",
    "à la carte\n",
    "id;name\n1;Jürgen\n2;Björn\n3;François\n4;Beyoncé\n",
    "text,label\nDas ist schön,pos\nnicht übel,neg\n",
    "Ça va? Oui, ça va très bien. Êtes-vous sûr?\n",
    "Côte d'Ivoire,Île-de-France,Citroën C4,Škoda\n",
    "Weißwürste,Süßigkeiten,Nestlé®\n",
]
CHINESE = [
    "牛奶,面包\n面包,啤酒\n",
    "牛奶\n",
    "中文\n",
    "鸡蛋,牛奶,面包\n",
    "馄饨,饺子\n",
    "猕猴桃,榴莲,火龙果\n",
    "iPhone手机,USB线,T恤,A4纸\n",
    "Nike鞋,Adidas外套\n",
    "维生素C,阿莫西林,布洛芬\n",
    "text,label\n这个产品很好,正面\n质量太差了,负面\n",
    "好\n",
    "女,男\n",
    "蒙牛纯牛奶250ml,伊利酸奶100g*8\n",
    "《三国演义》,“水浒传”,价格：100元；数量：5\n",
    "步步高家教机,给高飞打电话\n",
    "一些\n",
]


@pytest.mark.parametrize("text", WESTERN)
def test_western_text_from_excel_is_detected(text):
    raw = text.encode("cp1252")
    assert raw.decode(guess(sample_of(raw)).encoding) == text


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_text_is_detected_however_short(text):
    raw = text.encode("gb18030")
    assert raw.decode(guess(sample_of(raw)).encoding) == text


@pytest.mark.parametrize("text", WESTERN + CHINESE)
def test_utf8_is_detected(text):
    assert guess(text.encode()).encoding == "utf-8"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("молоко,хлеб\n", "cp1251"),
        ("МОЛОКО,ХЛЕБ\n", "cp1251"),
        ("Хлеб\n", "cp1251"),
        ("mąka,ręka,żółć\n", "cp1250"),
        ("příliš žluťoučký kůň\n", "cp1250"),
        ("牛乳,パン\n", "shift_jis"),
        ("牛奶,麵包\n", "big5"),
        ("우유,빵,맥주,사과,바나나,커피,설탕,소금,라면,김치\n", "euc_kr"),
        ("Müller,Käse\n", "mac_roman"),
        ("Müller,Käse\n", "cp850"),
        ("γάλα,ψωμί\n", "cp1253"),
        ("çiğdem,şeker,ılık\n", "cp1254"),
        ("חלב,לחם\n", "cp1255"),
        ("牛乳,パン\n", "euc_jp"),
        ("猫\n", "gb18030"),  # the bytes of è in UTF-8
    ],
)
def test_other_encodings_are_refused_with_the_option_and_read_with_it(tmp_path, text, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,n\n" + text.replace(",", " ").strip().encode(encoding) + b",1\n")
    with pytest.raises(DataError, match="it is uncertain") as caught:
        list(read_table(path))
    assert "--encoding" in str(caught.value)
    [(_, row)] = read_table(path, encoding=encoding)
    assert row["text"] == text.replace(",", " ").strip()


def _by_line(path):
    return list(numbered_lines(path, lambda *_: None, lambda _: None))


def _by_sample(path):
    return find_file_encoding(path, lambda _: None)


@pytest.mark.parametrize("read", [_by_line, _by_sample])
@pytest.mark.parametrize("line", [1, 21, 40_000])
def test_a_bad_byte_among_ascii_is_named_with_its_line(tmp_path, read, line):
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"plain text\n" * (line - 1) + b"a bad \x81 byte\n" + b"plain text\n" * 5)
    with pytest.raises(DataError, match=rf"corpus\.txt:{line}: not UTF-8 text"):
        read(path)


def test_a_detected_encoding_is_noted_once_with_words(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_bytes("name,n\nMüller,1\nKäse,2\n".encode("cp1252"))
    for _ in range(2):
        assert [row["name"] for _, row in read_table(path)] == ["Müller", "Käse"]
    notes = capsys.readouterr().err
    assert notes.count("read as Windows-1252, as in 'Müller', 'Käse'") == 1
    assert "--encoding" in notes


LINES = {"cp1252": "Müller,käse\n" * 3, "gb18030": "牛奶,面包\n" * 3, "utf-8": "Müller,牛奶\n"}


@pytest.mark.parametrize(
    ("first", "second"),
    [(first, second) for first in LINES for second in LINES if "utf-8" in (first, second)],
)
def test_a_line_in_another_encoding_is_damage(tmp_path, first, second):
    path = tmp_path / "a.txt"
    content = LINES[first].encode(first) * 10_000  # longer than the sample
    path.write_bytes(content + LINES[second].encode(second))
    problems: list[str] = []
    list(numbered_lines(path, lambda where, what: problems.append(where), str))
    assert bool(problems) == (first != second)


def test_an_unknown_encoding_suggests_the_nearest():
    with pytest.raises(OptionError, match="Did you mean 'gb18030'"):
        check_encoding("gb18031")
    for name in ("rot13", "zip", "base64", ""):
        with pytest.raises(OptionError, match="Unknown encoding"):
            check_encoding(name)
    assert check_encoding("auto") is None
    assert check_encoding("UTF-8-SIG") == "utf-8"
