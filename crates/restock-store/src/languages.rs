//! Header and file names in German, French and Spanish, as the English names that [`crate::tables`] knows.
//!
//! English and Chinese names are aliases of each field; these are only looked up where a name is none of them.

/// Names without accents, case, blanks and punctuation, each with its English name.
const WORDS: &[(&str, &str)] = &[
    // German
    ("artikel", "item"),
    ("artikelnummer", "itemnumber"),
    ("artikelnr", "itemnumber"),
    ("artikelid", "itemid"),
    ("artnr", "itemnumber"),
    ("produkt", "product"),
    ("materialnummer", "materialid"),
    ("artikelbezeichnung", "itemname"),
    ("artikelname", "itemname"),
    ("bezeichnung", "description"),
    ("warengruppe", "productgroup"),
    ("kategorie", "category"),
    ("datum", "date"),
    ("tag", "day"),
    ("verkaufsdatum", "salesdate"),
    ("rechnungsdatum", "invoicedate"),
    ("woche", "week"),
    ("monat", "month"),
    ("menge", "quantity"),
    ("anzahl", "quantity"),
    ("stuck", "units"),
    ("stuckzahl", "units"),
    ("absatz", "unitssold"),
    ("verkauft", "sold"),
    ("verkaufsmenge", "quantitysold"),
    ("verkaufe", "sales"),
    ("umsatz", "revenue"),
    ("preis", "price"),
    ("verkaufspreis", "sellingprice"),
    ("einkaufspreis", "purchaseprice"),
    ("filiale", "store"),
    ("filialnummer", "storeid"),
    ("markt", "store"),
    ("standort", "location"),
    ("lager", "warehouse"),
    ("bestand", "stockonhand"),
    ("lagerbestand", "stockonhand"),
    ("charge", "batch"),
    ("mhd", "bestbefore"),
    ("mindesthaltbarkeitsdatum", "bestbefore"),
    ("haltbarkeit", "shelflife"),
    ("lieferant", "supplier"),
    ("lieferanten", "suppliers"),
    ("lieferzeit", "leadtime"),
    ("wiederbeschaffungszeit", "leadtime"),
    ("mindestbestellmenge", "moq"),
    ("verpackungseinheit", "packsize"),
    ("vpe", "packsize"),
    ("bestellnummer", "ordernumber"),
    ("bestelldatum", "orderdate"),
    ("liefertermin", "deliverydate"),
    ("lieferdatum", "deliverydate"),
    ("offenebestellungen", "openorders"),
    ("wareneingang", "receipt"),
    ("kunde", "customer"),
    ("einheit", "unit"),
    // French
    ("codearticle", "itemcode"),
    ("produit", "product"),
    ("designation", "description"),
    ("libelle", "description"),
    ("famille", "family"),
    ("categorie", "category"),
    ("jour", "day"),
    ("semaine", "week"),
    ("mois", "month"),
    ("datevente", "salesdate"),
    ("datedevente", "salesdate"),
    ("quantite", "quantity"),
    ("qte", "quantity"),
    ("quantitevendue", "quantitysold"),
    ("ventes", "sales"),
    ("prix", "price"),
    ("prixdevente", "sellingprice"),
    ("prixdachat", "purchaseprice"),
    ("magasin", "store"),
    ("entrepot", "warehouse"),
    ("depot", "warehouse"),
    ("lot", "batch"),
    ("fournisseur", "supplier"),
    ("fournisseurs", "suppliers"),
    ("delai", "leadtime"),
    ("delaidelivraison", "leadtime"),
    ("datecommande", "orderdate"),
    ("datedelivraison", "deliverydate"),
    // Spanish
    ("articulo", "item"),
    ("producto", "product"),
    ("codigo", "itemcode"),
    ("codigoarticulo", "itemcode"),
    ("descripcion", "description"),
    ("categoria", "category"),
    ("fecha", "date"),
    ("fechaventa", "salesdate"),
    ("dia", "day"),
    ("semana", "week"),
    ("mes", "month"),
    ("cantidad", "quantity"),
    ("unidades", "units"),
    ("ventas", "sales"),
    ("precio", "price"),
    ("tienda", "store"),
    ("almacen", "warehouse"),
    ("existencias", "stockonhand"),
    ("inventario", "inventory"),
    ("lote", "batch"),
    ("proveedor", "supplier"),
    ("proveedores", "suppliers"),
    ("plazodeentrega", "leadtime"),
    ("fechadeentrega", "deliverydate"),
    ("pedido", "order"),
];

/// The English name of a squashed header or file name, where it is a word of another language; else the name itself.
pub(crate) fn in_english(squashed: &str) -> String {
    let folded: String = squashed.chars().map(without_accent).collect();
    // The ways to write an umlaut without one.
    let folded = folded.replace("stueck", "stuck").replace("verkaeufe", "verkaufe");
    WORDS
        .iter()
        .find(|(word, _)| *word == folded)
        .map_or_else(|| squashed.to_owned(), |(_, english)| (*english).to_owned())
}

fn without_accent(letter: char) -> char {
    match letter {
        'ä' | 'á' | 'à' | 'â' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ö' | 'ó' | 'ô' => 'o',
        'ü' | 'ú' | 'û' | 'ù' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{TABLES, squash};

    #[test]
    fn words_are_folded_and_mean_a_name_that_is_known() {
        let known = |name: &str| {
            TABLES.iter().any(|spec| {
                let fields = || spec.fields.iter().flat_map(|field| field.aliases);
                squash(spec.name) == name || spec.aliases.contains(&name) || fields().any(|alias| *alias == name)
            })
        };
        for (idx, (word, english)) in WORDS.iter().enumerate() {
            assert_eq!(squash(word).chars().map(without_accent).collect::<String>(), *word);
            assert!(known(english), "{word} means {english}");
            assert!(!WORDS[..idx].iter().any(|(other, _)| other == word), "{word} twice");
        }
    }

    #[test]
    fn spellings_with_and_without_accents_are_one_word() {
        for (squashed, english) in
            [("stückzahl", "units"), ("stueckzahl", "units"), ("quantité", "quantity"), ("artículo", "item")]
        {
            assert_eq!(in_english(squashed), english);
        }
        assert_eq!(in_english("päivä"), "päivä");
    }
}
