//! App configuration, "Allow regular users to use tokens created for them".

use serde_json::json;

use super::Site;

/// "Even with only admins being able to create tokens, you might want to allow your regular users to use the tokens created
/// for them or to continue using tokens they've created when it was still allow[ed]." Whoever made them.
#[test]
fn users_use_their_tokens_if_the_administrator_lets_them_whoever_made_them() {
    let site = Site::open();
    let [fred, ada] = ["fred", "ada"].map(|name| site.key_of(name));
    let own = site.created(&fred, &json!({"description": "made by fred"}));
    let given = site.created(&ada, &json!({"user": "fred", "description": "made for fred"}));
    let admins = site.created(&ada, &json!({"description": "made by ada"}));
    let of_fred_become = |status: u16| {
        for token in [&own, &given] {
            site.becomes(status, "fred", &token.secret);
        }
        site.becomes(200, "ada", &admins.secret);
    };
    of_fred_become(200);
    site.set(&json!({"only_admins_create_tokens": true, "users_may_use_tokens": true}));
    of_fred_become(200);
    site.set(&json!({"users_may_use_tokens": false}));
    of_fred_become(403);
    for token in [&own, &given] {
        assert_eq!(site.refused("fred", &token.secret), "use_not_allowed");
    }
    site.set(&json!({"users_may_use_tokens": true}));
    of_fred_become(200);
    site.set(&json!({"users_may_use_tokens": false, "only_admins_create_tokens": false}));
    of_fred_become(200);
}
