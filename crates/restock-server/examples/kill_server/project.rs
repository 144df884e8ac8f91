//! The project that is served: a small shop whose last day was yesterday, so that live planning proposes orders.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Outcome;
use crate::world::World;

const N_ITEMS: u64 = 20;
const N_DAYS: i64 = 60;
/// The locations of the shop.
pub(crate) const LOCATIONS: [&str; 2] = ["harbour", "station"];
/// Tokens that are made, one of each role; their names are their owners'.
const ROLES: [&str; 5] = ["viewer", "planner", "approver", "integrator", "admin"];

/// A project in a folder of its own.
pub(crate) struct Project {
    pub(crate) binary: PathBuf,
    pub(crate) seed: u64,
    folder: tempfile::TempDir,
    /// Tokens by role.
    pub(crate) tokens: BTreeMap<&'static str, String>,
}

/// The id of an item by its number.
pub(crate) fn item_id(number: u64) -> String {
    format!("item-{:02}", number % N_ITEMS)
}

/// Hours ahead of UTC where it is about 10 o'clock now, so that no run sees midnight.
fn hours_ahead(now: Timestamp) -> i8 {
    let hour = TimeZone::UTC.to_datetime(now).hour();
    let ahead = 10 - hour;
    if ahead < -12 { ahead + 24 } else { ahead }
}

impl Project {
    /// Makes a project with its tokens.
    pub(crate) fn create(binary: &Path, seed: u64) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut project = Self { binary: binary.canonicalize()?, seed, folder, tokens: BTreeMap::new() };
        let data = project.dir().join("data");
        std::fs::create_dir_all(&data)?;
        std::fs::create_dir_all(project.backups())?;
        let now = Timestamp::now();
        let ahead = hours_ahead(now);
        // The names of these time zones count the other way round.
        let settings = format!(
            "[project]\nname = \"kill\"\ncurrency = \"EUR\"\ntimezone = \"Etc/GMT{:+}\"\n\n[forecast]\nmodel = \"ses\"\n\n\
             [approval]\nauto_if = \"value < 40\"\n",
            -i32::from(ahead)
        );
        std::fs::write(project.dir().join("restock.toml"), settings)?;
        let today = TimeZone::fixed(Offset::constant(ahead)).to_datetime(now).date();
        for (name, text) in tables(today, seed)? {
            std::fs::write(data.join(name), text)?;
        }
        for role in ROLES {
            let arguments = ["token", "create", role, "--role", role, "--json"];
            let made = project.command(&arguments).output()?;
            let made: serde_json::Value = serde_json::from_slice(&made.stdout)
                .map_err(|error| format!("no token: {error}: {}", String::from_utf8_lossy(&made.stderr)))?;
            let token = made["token"].as_str().ok_or("no token was shown")?;
            project.tokens.insert(role, token.to_owned());
        }
        Ok(project)
    }

    /// A copy of everything but the ledger and the backups: a clean ledger is made for it.
    pub(crate) fn without_ledger(&self) -> Outcome<Self> {
        let copy = Self {
            binary: self.binary.clone(),
            seed: self.seed,
            folder: tempfile::tempdir()?,
            tokens: self.tokens.clone(),
        };
        copy_folder(&self.dir(), &copy.dir(), &|name| !name.starts_with("ledger.db"))?;
        Ok(copy)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.dir().join(".restock").join("ledger.db")
    }

    pub(crate) fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// The program over this project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--project").arg(self.dir()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Copies the project to where it is not removed, with what was acknowledged.
    pub(crate) fn keep(&self, world: &World) -> PathBuf {
        let kept = std::env::temp_dir().join(format!("restock-kill-server-{}", std::process::id()));
        // What cannot be copied is missing there; the failure itself is told anyway.
        let _ = copy_folder(self.folder.path(), &kept, &|_| true);
        let _ = std::fs::write(kept.join("acknowledged.txt"), world.history.join("\n"));
        kept
    }
}

fn copy_folder(from: &Path, to: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Outcome<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_wanted(&name.to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(name), is_wanted)?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// Tables of a shop that sold until the day before `today`.
fn tables(today: jiff::civil::Date, seed: u64) -> Outcome<Vec<(&'static str, String)>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xDA7A);
    let yesterday = today.checked_sub(1.day())?;
    let mut items = "item_id,name,unit_cost,price\n".to_owned();
    let mut sources = "to_location,supplier_id,item_id,lead_time_days,unit_cost,moq,pack_size\n".to_owned();
    let mut inventory = "item_id,location_id,on_hand,as_of\n".to_owned();
    let mut sales = "date,item_id,location_id,quantity\n".to_owned();
    for number in 0..N_ITEMS {
        let (item, cost) = (item_id(number), 1 + number % 7);
        writeln!(items, "{item},Item {number},{cost}.20,{}.00", 2 * cost)?;
        for location in LOCATIONS {
            let (lead_time, pack) = (1 + number % 3, [1, 4, 6, 12][(number % 4) as usize]);
            let supplier = if number % 2 == 0 { "dairy" } else { "pantry" };
            writeln!(sources, "{location},{supplier},{item},{lead_time},{cost}.20,{pack},{pack}")?;
            writeln!(inventory, "{item},{location},{},{yesterday}", rng.random_range(0..40))?;
            let most = 2 + number % 9;
            for back in 1..=N_DAYS {
                writeln!(
                    sales,
                    "{},{item},{location},{}",
                    today.checked_sub(back.days())?,
                    rng.random_range(0..=most)
                )?;
            }
        }
    }
    let locations = LOCATIONS.map(|location| format!("{location},{location},store\n")).concat();
    Ok(vec![
        ("items.csv", items),
        ("sources.csv", sources),
        ("inventory.csv", inventory),
        ("sales.csv", sales),
        ("locations.csv", format!("location_id,name,kind\n{locations}")),
        ("suppliers.csv", "supplier_id,name\ndairy,Dairy\npantry,Pantry\n".to_owned()),
    ])
}
