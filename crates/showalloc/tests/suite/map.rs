//! `map`: networks as pictures.

use testkit::Cluster;

use crate::{
    program::{Run, ask, ask_all},
    snapshot::compare,
};

pub mod tests {
    in_town!(
        a_network_is_a_picture_in_which_every_state_can_be_told,
        every_family_has_a_picture_of_its_own,
        a_part_is_a_picture_of_its_own,
        documents_and_names_are_those_of_show,
        the_file_for_a_ticket_is_drawn_from_the_cluster,
    );
}

async fn a_network_is_a_picture_in_which_every_state_can_be_told(town: &Cluster) {
    compare("map", &ask(town, "map internal -n ran").await.clean());
    compare("map_ascii", &ask(town, "map dn/internal -n ran --ascii --width 80").await.clean());
    compare("map_hilbert", &ask(town, "map overlap -n ran --hilbert").await.clean());
}

async fn every_family_has_a_picture_of_its_own(town: &Cluster) {
    let title = |text: &str| text.lines().filter(|line| line.starts_with("ClusterNetwork ")).count();
    assert_eq!(title(&ask(town, "map backbone").await.clean()), 2);
    let ipv6 = ask(town, "map backbone -6").await.clean();
    assert!(title(&ipv6) == 1 && ipv6.contains("2001:db8::/120"), "{ipv6}");
}

async fn a_part_is_a_picture_of_its_own(town: &Cluster) {
    let part = ask(town, "map internal -n ran --cidr 10.0.0.0/28 --ascii").await.clean();
    let cells = part.lines().find_map(|line| line.strip_prefix(".0 ")).expect("a row of cells");
    assert_eq!(cells.trim(), "b g . . . A L . L L U C . . . .");
}

async fn documents_and_names_are_those_of_show(town: &Cluster) {
    for network in ["backbone", "internal -n ran", "backbone -4", "overlap -n ran --cidr 10.0.0.4/30"] {
        for format in ["json", "name"] {
            let commands = ["map", "show"].map(|command| format!("{command} {network} -o {format}"));
            let shown: Vec<String> = ask_all(town, &commands).await.into_iter().map(Run::clean).collect();
            assert_eq!(shown[0], shown[1], "{network} as {format}");
        }
    }
}

async fn the_file_for_a_ticket_is_drawn_from_the_cluster(town: &Cluster) {
    compare("map_svg", &ask(town, "map dn/internal -n ran --cidr 10.0.0.0/28 -o svg").await.clean());
    let curve = ask(town, "map overlap -n ran --hilbert -o svg").await.clean();
    assert_eq!(curve.matches("<title>10.0.0.").count(), 256, "{curve}");
}
